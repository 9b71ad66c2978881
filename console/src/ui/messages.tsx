import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { answering, branch, current } from "../state/chat.ts";
import { Icon } from "./icon.tsx";
import { MessageView } from "./message.tsx";

const kNearPx = 60;  // closer to the end than this counts as being there

/// The branch on show. It follows a growing answer as long as the reader is at its end, and stays put once they scroll up.
export function Messages() {
  const list = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const last_top = useRef(0);
  const away = useSignal(false);

  const toEnd = () => {
    following.current = true;
    away.value = false;
    list.current!.scrollTop = list.current!.scrollHeight;
  };
  const onScroll = () => {
    if (!list.current) return;  // a last event of a list that is gone
    const { scrollTop, clientHeight, scrollHeight } = list.current;
    // Being far from the end does not mean that the reader left it: a whole code block may have just arrived. Only
    // moving up does.
    if (scrollHeight - scrollTop - clientHeight < kNearPx) following.current = true;
    else if (scrollTop < last_top.current) following.current = false;
    last_top.current = scrollTop;
    away.value = !following.current;
  };

  // A new question always brings its end into view; so does opening another chat.
  const questions = branch.value.filter((message) => message.role === "user").length;
  useLayoutEffect(toEnd, [current.value.id, questions]);
  useEffect(() => {
    const observer = new ResizeObserver(() => { if (following.current && list.current) list.current.scrollTop = list.current.scrollHeight; });
    observer.observe(content.current!);
    observer.observe(list.current!);
    return () => observer.disconnect();
  }, []);

  return (
    <div class="messages-frame">
      <div ref={list} class="messages" onScroll={onScroll} tabIndex={0} role="region" aria-label="Conversation">
        <div ref={content} class="column">
          {branch.value.map((message) => <MessageView key={message.id} message={message} busy={answering.value} />)}
        </div>
      </div>
      {away.value && (
        <button type="button" class="to-end" onClick={toEnd} aria-label="Go to the newest message" title="Go to the newest message"><Icon name="arrow-down" /></button>
      )}
    </div>
  );
}
