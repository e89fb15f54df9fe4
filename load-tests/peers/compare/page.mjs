// The part of load-tests/README.md that a comparison writes. Owns its words and the marks around
// it; measures nothing.

import { rows, shown } from "./figures.mjs";

export const MARK = "peers: written by load-tests/peers/run";

/** The page with `text` between the marks, and everything else as it was. */
export function between(page, mark, text) {
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- ${mark}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`the page needs the marks ${begin} and ${end}, in this order`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

const FAN_OUT = [
  "cpu_us_per_delivery",
  "cpu_us_per_write",
  "beside_floor",
  "bytes",
  "p50_ms",
  "p99_ms",
  "lost_percent",
];

/** `result` is what main.mjs gathers: machine, command, servers, loads and the runs of each. */
export function section(result) {
  const { servers, loads, idle, rounds, machine } = result;
  const names = servers.map((server) => server.name);
  const parts = [
    `Machine: ${machine}. \`${result.command}\` on ${result.day}: in each round every server in ` +
      `turn; medians of ${rounds}, and in brackets the least and the greatest. Server and ` +
      "generator share the cores.",
    "![CPU for each delivered message and memory for each idle socket](peers/figures.svg)",
  ];
  for (const load of loads) {
    parts.push(`**${load.title}**`, fanOutTable(servers, rows(names, load.runs, rounds, FAN_OUT)));
  }
  parts.push(`**${idle.title}**`, memoryTable(result));
  return parts.join("\n\n");
}

function fanOutTable(servers, found) {
  const head = [
    "server",
    "tick",
    "CPU µs per delivered message",
    "CPU µs per write",
    "beside `send`",
    "bytes per message",
    "p50 ms",
    "p99 ms",
    "lost",
  ];
  const lines = found.map((row, index) => [
    row.name,
    servers[index].tickMs === 0 ? "none" : `${servers[index].tickMs} ms`,
    spread(row.cpu_us_per_delivery),
    shown(row.cpu_us_per_write.median),
    `${shown(row.beside_floor.median)} ×`,
    shown(row.bytes.median),
    shown(row.p50_ms.median),
    shown(row.p99_ms.median),
    row.lost_percent.greatest === 0 ? "0" : `${shown(row.lost_percent.median)} %`,
  ]);
  return table(head, lines);
}

function memoryTable({ servers, idle, rounds }) {
  const weighed = servers.filter((server) => server.memory);
  const found = rows(
    weighed.map((server) => server.memory),
    idle.runs,
    rounds,
    ["kib_per_socket"],
  );
  const lines = found.map((row, index) => [
    row.name,
    weighed[index].version,
    spread(row.kib_per_socket),
  ]);
  return table(["server", "version", "KiB per idle socket"], lines);
}

const spread = ({ median, least, greatest }) =>
  `${shown(median)} (${shown(least)} to ${shown(greatest)})`;

function table(head, lines) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}

/** What the picture shows: CPU under each of the loads, and memory. */
export function panels({ servers, loads, idle, rounds }) {
  const panel = (title, unit, shownServers, runs, field) => ({
    title,
    unit,
    bars: rows(
      shownServers.map((server) => server.name),
      runs,
      rounds,
      [field],
    ).map((row, index) => ({
      name: row.name,
      value: row[field].median,
      ours: shownServers[index].ours,
    })),
  });
  const cpu = (load) => `CPU for each delivered message: ${load.title}`;
  const weighed = servers
    .filter((server) => server.memory)
    .map((server) => ({ ...server, name: server.memory }));
  return [
    ...loads.map((load) => panel(cpu(load), "µs", servers, load.runs, "cpu_us_per_delivery")),
    panel(`Memory for each of ${idle.title}`, "KiB", weighed, idle.runs, "kib_per_socket"),
  ];
}
