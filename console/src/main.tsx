import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/inter/wght-italic.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/chat.css";
import "./style/pages.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { loadHistory, openFromAddress } from "./state/chat.ts";
import { watchServer } from "./state/server.ts";
import { watchAnswers } from "./ui/announcer.tsx";
import { watchKeyboard } from "./ui/keyboard.ts";
import { page, readAddress, watchWidth } from "./ui/view.ts";

function followAddress(): void {
  readAddress();
  if (page.value === "chat") openFromAddress();
}

watchWidth();
watchServer();
watchKeyboard();
watchAnswers();
followAddress();
addEventListener("hashchange", followAddress);
void loadHistory();
render(<App />, document.getElementById("app")!);
