// Bars by time, stacked by group. The chart is for the eye: the table beside it has the same numbers for everybody, and
// the bar under the pointer is told in words. What is drawn are pixels, so amounts become floats here and nowhere else.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../../state/settings.ts";

export interface ChartGroup { name: string; values: bigint[] }

export interface ChartData {
  label: string;                 // what a screen reader says of it
  buckets: { mark: string; text: string }[];
  groups: ChartGroup[];          // at most kColours, the last may be "Other"
  show: (value: bigint) => string;
  /// As an axis has it: an amount of round numbers.
  mark: (value: bigint) => string;
}

export const kColours = 8;
const kHeight = 260;
const kAxis = 12;  // pixels of an axis's text

/// 1, 2, 5, 10, 20, ... : an axis may have any amount of pico-dollars.
const kSteps = Array.from({ length: 30 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();

/// What a colour of the style sheet comes to, with the theme of now.
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement("i");
  probe.className = name;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function plotOf(box: HTMLElement, data: ChartData, width: number, hover: (at: number | null) => void): uPlot {
  const count = data.buckets.length;
  const xs = data.buckets.map((_, i) => i);
  // Drawn from the whole stack down, so that each group covers what lies below it in the list.
  let sums = xs.map(() => 0n);
  const stacks = data.groups.map((group) => (sums = sums.map((sum, i) => sum + (group.values[i] ?? 0n))).map(Number));
  const top = stacks.at(-1)?.reduce((most, value) => Math.max(most, value), 0) ?? 0;
  const ink = colourOf(box, "chart-ink"), line = colourOf(box, "chart-line");
  const font = `${kAxis}px ${getComputedStyle(box).fontFamily}`;
  const bars = uPlot.paths.bars!({ size: [0.72, 44], align: 0 });
  return new uPlot({
    width, height: kHeight,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
    scales: { x: { time: false, range: () => [-0.5, count - 0.5] }, y: { range: () => [0, top === 0 ? 1 : top * 1.06] } },
    axes: [
      {
        stroke: ink, font, size: 28, gap: 4, grid: { show: false }, ticks: { show: false },
        splits: () => {
          const every = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width - 70) / 64))));
          return xs.filter((i) => i % every === 0);
        },
        values: (_, splits) => splits.map((i) => data.buckets[i]?.mark ?? ""),
      },
      {
        stroke: ink, font, gap: 6, grid: { stroke: line, width: 1 }, ticks: { show: false }, incrs: kSteps, space: 44,
        size: (_, values) => 16 + Math.max(...(values ?? [""]).map((text) => text.length * kAxis * 0.6)),
        values: (_, splits) => splits.map((value) => (top === 0 && value !== 0 ? "" : data.mark(BigInt(Math.round(value))))),
      },
    ],
    series: [{}, ...data.groups.map((_, i) => {
      const colour = colourOf(box, `chart-${data.groups.length - 1 - i}`);
      return { paths: bars, fill: colour, stroke: colour, width: 0, points: { show: false } };
    })],
    hooks: { setCursor: [(plot) => hover(plot.cursor.left === undefined || plot.cursor.left < 0 ? null : (plot.cursor.idx ?? null))] },
  }, [xs, ...[...stacks].reverse()], box);
}

export function Chart({ data, onHover }: { data: ChartData; onHover?: (at: number | null) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  const [scheme, setScheme] = useState(0);
  const hover = (index: number | null) => {
    setAt(index);
    onHover?.(index);
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(box.current!);
    const media = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setScheme((n) => n + 1);
    media.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      media.removeEventListener("change", changed);
    };
  }, []);
  useEffect(() => {
    if (width < 40) return;
    const plot = plotOf(box.current!, data, width, hover);
    return () => plot.destroy();
  }, [data, width, theme.value, scheme]);
  const bucket = at === null ? undefined : data.buckets[at];
  const shown = at === null ? [] : data.groups.map((group, i) => ({ ...group, i, value: group.values[at] ?? 0n })).filter((group) => group.value !== 0n);
  return (
    <figure class="chart">
      <div class="chart-box" ref={box} role="img" aria-label={data.label} />
      <figcaption class={data.groups.length > 1 ? "chart-told several" : "chart-told"} aria-hidden="true">
        {bucket && at !== null
          ? <>
            <strong>{bucket.text}</strong>
            <span class="chart-sum">{data.show(shown.reduce((sum, group) => sum + group.value, 0n))}</span>
            {data.groups.length > 1 && shown.map((group) => (
              <span key={group.name}><i class={`swatch chart-${group.i}`} />{group.name} {data.show(group.value)}</span>
            ))}
          </>
          : <span>Point at a bar to read it.</span>}
      </figcaption>
    </figure>
  );
}
