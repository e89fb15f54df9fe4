// `hawker-load` as the comparison calls it. Owns its command lines and which of its figures are
// taken; a figure that it did not give is an error.

import { run } from "./process.mjs";

/** Connecting, warming up, draining and closing, on top of the seconds that are measured. */
const AROUND_S_MAX = 60;
/** From the last join to the look at the server's memory. */
const SETTLE_S = 3;

export class Generator {
  constructor({ program, hawker, log }) {
    Object.assign(this, { program, hawker, log });
  }

  /** One room: `viewers` of it hear `rate` messages a second. */
  async fanOut(subject, { viewers, rate }, seconds) {
    const asked = ["--viewers", viewers, "--rate", rate, "--seconds", seconds];
    const said = await this.call("fan-out", [...asked, ...this.target(subject)], seconds);
    const { refused, doubled, closed } = said;
    if (refused || doubled || closed)
      throw new Error(`not a run to compare: ${JSON.stringify(said)}`);
    return {
      cpu_us_per_delivery: figure(said, "server_cpu_us_per_delivery"),
      cpu_us_per_write: figure(said, "server_cpu_us_per_write"),
      beside_floor: figure(said, "ratio"),
      bytes: figure(said, "bytes_per_delivery"),
      p50_ms: figure(said, "p50_ms"),
      p99_ms: figure(said, "p99_ms"),
      lost_percent: (100 * figure(said, "lost")) / (viewers * figure(said, "messages")),
    };
  }

  /** Viewers who are in the room and hear nothing. */
  async idle(subject, { viewers }) {
    const asked = ["--viewers", viewers, "--settle-seconds", SETTLE_S];
    const said = await this.call(
      "idle",
      [...asked, ...this.target(subject, { publishes: false })],
      SETTLE_S,
    );
    if (said.closed) throw new Error(`viewers were cut off: ${JSON.stringify(said)}`);
    return { kib_per_socket: figure(said, "rss_kib_per_viewer") };
  }

  target(subject, { publishes = true } = {}) {
    if (subject.ours)
      return ["--hawker", this.hawker, ...(publishes ? ["--tick-ms", subject.tickMs] : [])];
    const at = `127.0.0.1:${subject.port}`;
    const peer = [
      "--peer",
      subject.form,
      "--url",
      `ws://${at}${subject.path}`,
      "--pid",
      subject.pid,
    ];
    return publishes ? [...peer, "--publish-url", `http://${at}/publish`] : peer;
  }

  async call(name, args, seconds) {
    const msMax = (seconds * 2 + AROUND_S_MAX) * 1000;
    const asked = [name, ...args.map(String), "--json"];
    const { text, outcome, log } = await run(this.program, asked, { msMax, log: this.log });
    // 1: something was lost, which the table tells. Without figures it was something else.
    if (/^ended with code [01]$/.test(outcome) && text.trimStart().startsWith("{"))
      return JSON.parse(text);
    throw new Error(`${this.program} ${asked.join(" ")} ${outcome}\n${text}${log}`);
  }
}

function figure(said, name) {
  const value = said[name];
  if (typeof value !== "number")
    throw new Error(`hawker-load gave no ${name}: ${JSON.stringify(said)}`);
  return value;
}
