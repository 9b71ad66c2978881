// Colours code a little, the same way for every language: comments, strings, numbers and the common keywords. It never
// needs to be right about a language, only to be calm and quick; text is cut into pieces and never changed.

export type Piece = { kind: "plain" | "comment" | "string" | "number" | "keyword"; text: string };

const kKeywords = new Set(`abstract and as assert async await auto begin bool boolean break case catch char class const
constexpr continue def default defer del do double elif else elsif end enum except export extends extern false False
final finally float fn for foreach from func function global go goto if impl implements import in include inline
instanceof int interface is let long loop match mod module mut namespace new nil None nonlocal not null nullptr of or
override package pass private protected pub public raise readonly require return self short signed sizeof static string
struct super switch template then this throw throws trait true True try type typedef typename typeof union unless
unsigned until use using val var virtual void volatile when where while with yield select insert update delete create
table into values join on group by order having limit set echo fi done esac local`.split(/\s+/));

const kHashComments = /^(py|python|sh|bash|zsh|shell|console|rb|ruby|perl|r|yaml|yml|toml|ini|make|makefile|dockerfile|cmake|nix|elixir|julia|tcl|awk|conf)$/;
const kDashComments = /^(sql|lua|haskell|hs|ada|vhdl|elm)$/;
const kNoCode = /^(|text|txt|plain|plaintext|output|log|md|markdown|csv|tsv|diff)$/;
const kLengthMax = 20_000;  // longer blocks stay plain: each redraw while streaming would cost milliseconds

export function highlight(code: string, language: string): Piece[] {
  const name = language.toLowerCase();
  if (kNoCode.test(name) || code.length > kLengthMax) return [{ kind: "plain", text: code }];
  const comment = kHashComments.test(name) ? "#[^\\n]*" : kDashComments.test(name) ? "--[^\\n]*" : "\\/\\/[^\\n]*|\\/\\*[\\s\\S]*?(?:\\*\\/|$)|<!--[\\s\\S]*?(?:-->|$)";
  const strings = "\"\"\"[\\s\\S]*?(?:\"\"\"|$)|'''[\\s\\S]*?(?:'''|$)|\"(?:\\\\.|[^\"\\\\\\n])*\"?|'(?:\\\\.|[^'\\\\\\n])*'|`(?:\\\\.|[^`\\\\])*`";
  const pattern = new RegExp(`(${comment})|(${strings})|\\b(0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\b|([A-Za-z_][\\w]*)`, "g");
  const pieces: Piece[] = [];
  const add = (kind: Piece["kind"], text: string) => {
    const last = pieces.at(-1);
    if (last && last.kind === kind) last.text += text;
    else if (text !== "") pieces.push({ kind, text });
  };
  let at = 0;
  for (const match of code.matchAll(pattern)) {
    add("plain", code.slice(at, match.index));
    const kind = match[1] !== undefined ? "comment" : match[2] !== undefined ? "string" : match[3] !== undefined ? "number"
      : kKeywords.has(match[0]) ? "keyword" : "plain";
    add(kind, match[0]);
    at = match.index + match[0].length;
  }
  add("plain", code.slice(at));
  return pieces;
}
