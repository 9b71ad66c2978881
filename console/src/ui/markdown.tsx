// A model's Markdown as elements. The text is untrusted: `marked` only cuts it into tokens, and this file builds the
// elements itself, so no HTML is ever parsed. Raw HTML shows as text, links are http(s) and mailto only, and a picture
// becomes a link, since loading it would tell a stranger that the answer was read.
import type { ComponentChildren } from "preact";
import { memo } from "./memo.ts";
import { Lexer, type Token, type Tokens } from "marked";
import { CopyButton } from "./clipboard.tsx";
import { highlight } from "./highlight.ts";

const kEntities: Record<string, string> = {
  amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0", hellip: "…", mdash: "—", ndash: "–", copy: "©",
  reg: "®", trade: "™", times: "×", deg: "°", rarr: "→", larr: "←", bull: "•", middot: "·", laquo: "«", raquo: "»",
  lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", euro: "€", ne: "≠", le: "≤", ge: "≥",
};

export function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w+));/g, (all, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(kEntities, name) ? kEntities[name]! : all;
    const point = decimal !== undefined ? parseInt(decimal, 10) : parseInt(hex!, 16);
    return point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : "\ufffd";
  });
}

/// The address if it may be followed, else undefined.
export function safeAddress(href: string): string | undefined {
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;  // relative addresses would point into this console
  }
}

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const address = safeAddress(decodeEntities(href));
  if (!address) return <>{children}</>;
  return <a href={address} target="_blank" rel="noopener noreferrer nofollow" title={address}>{children}</a>;
}

function inline(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map((token) => inlineToken(token));
}

function inlineToken(token: Token): ComponentChildren {
  switch (token.type) {
    case "strong": return <strong>{inline(token.tokens)}</strong>;
    case "em": return <em>{inline(token.tokens)}</em>;
    case "del": return <del>{inline(token.tokens)}</del>;
    case "codespan": return <code>{(token as Tokens.Codespan).text}</code>;
    case "br": return <br />;
    case "link": return <Link href={(token as Tokens.Link).href}>{inline(token.tokens)}</Link>;
    case "image": {
      const image = token as Tokens.Image;
      return <Link href={image.href}><span class="picture">Picture: {decodeEntities(image.text) || image.href}</span></Link>;
    }
    case "escape": return (token as Tokens.Escape).text;
    case "html": return /^<br\s*\/?>$/i.test(token.raw.trim()) ? <br /> : token.raw;
    case "checkbox": return null;
    case "text": return token.tokens ? inline(token.tokens) : decodeEntities((token as Tokens.Text).text);
    default: return token.raw;
  }
}

function CodeBlock({ code, language }: { code: string; language: string }) {
  return (
    <figure class="code">
      <figcaption>
        <span>{language || "text"}</span>
        <CopyButton text={() => code} label="Copy code" size={15} />
      </figcaption>
      <pre tabIndex={0} aria-label={`Code, ${language || "text"}`} role="region">
        <code>{highlight(code, language).map(({ kind, text }) => (kind === "plain" ? text : <span class={`code-${kind}`}>{text}</span>))}</code>
      </pre>
    </figure>
  );
}

function Table({ table }: { table: Tokens.Table }) {
  const cell = (item: Tokens.TableCell) => ({ class: item.align ? `align-${item.align}` : undefined, children: inline(item.tokens) });
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead><tr>{table.header.map((item) => <th scope="col" {...cell(item)} />)}</tr></thead>
        <tbody>{table.rows.map((row) => <tr>{row.map((item) => <td {...cell(item)} />)}</tr>)}</tbody>
      </table>
    </div>
  );
}

function List({ list }: { list: Tokens.List }) {
  const items = list.items.map((item) => (
    <li class={item.task ? "task" : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label={item.checked ? "Done" : "To do"} />}
      {item.tokens.map((token) => (token.type === "text" ? inlineToken(token) : blockToken(token)))}
    </li>
  ));
  return list.ordered ? <ol start={list.start === "" ? undefined : list.start}>{items}</ol> : <ul>{items}</ul>;
}

function blockToken(token: Token): ComponentChildren {
  switch (token.type) {
    case "space": case "def": return null;
    case "hr": return <hr />;
    case "heading": {
      // The page's own headings are levels 1 and 2; an answer's begin below them.
      const Level = `h${Math.min((token as Tokens.Heading).depth + 2, 6)}` as "h3";
      return <Level>{inline(token.tokens)}</Level>;
    }
    case "code": return <CodeBlock code={(token as Tokens.Code).text} language={((token as Tokens.Code).lang ?? "").split(/\s/)[0] ?? ""} />;
    case "blockquote": return <blockquote>{token.tokens?.map(blockToken)}</blockquote>;
    case "list": return <List list={token as Tokens.List} />;
    case "table": return <Table table={token as Tokens.Table} />;
    case "paragraph": return <p>{inline(token.tokens)}</p>;
    case "html": return <p>{token.raw.trim()}</p>;
    default: return inlineToken(token);
  }
}

/// One block, drawn again only when its source changed: while an answer grows, that is only the last one.
const Block = memo(({ token }: { token: Token }) => <>{blockToken(token)}</>, (before, after) => before.token.raw === after.token.raw
  && before.token.type === after.token.type);

/// Cut into tokens again only when the text changed: a chat holds many answers, and one of them grows.
export const Markdown = memo(({ text }: { text: string }) => {
  let tokens: Token[];
  try {
    tokens = new Lexer({ gfm: true, breaks: true }).lex(text);
  } catch {
    return <p class="plain">{text}</p>;  // a text that the parser chokes on is still readable
  }
  return <div class="markdown" dir="auto">{tokens.map((token, i) => <Block key={i} token={token} />)}</div>;
}, (before, after) => before.text === after.text);
