import { ask, current } from "../state/chat.ts";
import { models, server } from "../state/server.ts";

const kPrompts: { title: string; text: string }[] = [
  { title: "Explain something", text: "Explain how a hash table works, to someone who has only used lists." },
  { title: "Write some code", text: "Write a Python function that returns the n-th Fibonacci number, with a docstring and two tests." },
  { title: "Draft a message", text: "Draft a short, friendly email that moves a meeting from Tuesday to Thursday." },
  { title: "Think along", text: "I have one free afternoon a week. Suggest three small projects to learn electronics with." },
];
const kStarts = [
  { title: "A story", text: "The lighthouse keeper had not spoken to anyone for eleven days when" },
  { title: "A list", text: "Ten facts about the moon:\n1." },
];

export function Welcome() {
  const complete = current.value.mode === "complete";
  const ready = server.value.kind === "up" && models.value.length > 0;
  return (
    <div class="welcome">
      <div class="column">
        <h1>{complete ? "Which text shall go on?" : "What shall we work on?"}</h1>
        <p class="lead">
          {server.value.kind === "up" && models.value.length === 0
            ? "The server is running, but has no model. Start it with one: bedplate serve MODEL."
            : "Everything stays here: the model runs on this server, and chats are kept in this browser only."}
        </p>
        <ul class="prompts">
          {(complete ? kStarts : kPrompts).map(({ title, text }) => (
            <li><button type="button" disabled={!ready} onClick={() => ask(text)}><strong>{title}</strong><span>{text}</span></button></li>
          ))}
        </ul>
      </div>
    </div>
  );
}
