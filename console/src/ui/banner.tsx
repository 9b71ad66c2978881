import { checking, checkServer, server } from "../state/server.ts";
import { Icon } from "./icon.tsx";

/// One line over the chat while the server does not answer. It goes away by itself.
export function Banner() {
  const state = server.value;
  if (state.kind !== "down") return null;
  const { failure } = state;
  const text = failure.kind === "offline" ? "The server does not answer. It may be starting; this page keeps trying."
    : failure.kind === "busy" ? `The server is not ready yet: ${failure.message}`
    : failure.message;
  return (
    <div class="banner" role="alert">
      <Icon name="wifi-off" size={17} />
      <span>{text}</span>
      <button type="button" class="button" aria-disabled={checking.value} onClick={() => void checkServer()}>Try now</button>
    </div>
  );
}
