// Compares Hawker with the installed peers: every server in turn, several rounds, one after the
// other on loopback. Owns the order and the time that is spent; what it measures comes from
// `hawker-load`, what it writes from page.mjs and plot.mjs. Called by ../run.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Generator } from "./generator.mjs";
import { MARK, between, panels, section } from "./page.mjs";
import { bars } from "./plot.mjs";
import { serve } from "./process.mjs";
import { HAWKER, PEERS, missing } from "./servers.mjs";

const ROUNDS_TO_WRITE = 3;
/** Below the ports that a kernel gives to outgoing connections. */
const FIRST_PORT = 19_401;
/** Open files of a server; the generator has two for each viewer, one of them the floor's. */
const FILES_MAX = 20_000;
const VIEWERS_MAX = 9_500;

const root = resolve(import.meta.dirname, "../../..");
const folder = join(root, "target/peers/run");

const usage = "usage: load-tests/peers/run [--rounds 3] [--viewers 5000] [--seconds 5]";

function options() {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { rounds: text, viewers: text, seconds: text } });
  const chosen = { rounds: 3, viewers: 5000, seconds: 5 };
  for (const [name, value] of Object.entries(values)) {
    chosen[name] = Number(value);
    if (!Number.isInteger(chosen[name]) || chosen[name] < 1)
      throw new Error(`--${name} ${value}\n${usage}`);
  }
  if (chosen.viewers > VIEWERS_MAX) throw new Error(`--viewers: at most ${VIEWERS_MAX}\n${usage}`);
  return chosen;
}

/** Ours is started by the generator, for each measurement anew; a peer once a round. */
async function started(subject, index, log) {
  if (subject.ours) return { ...subject, check() {}, async stop() {} };
  const port = FIRST_PORT + index;
  const command = await subject.start(port, join(folder, `server-${index}`), FILES_MAX);
  const server = await serve(subject.name, command, port, log);
  return { ...subject, ...server, port };
}

async function measure(subject, index, generator, { loads, idle }, seconds) {
  const server = await started(subject, index, join(folder, `server-${index}.log`));
  try {
    if (subject.memory) {
      idle.runs.push({ name: subject.memory, ...(await generator.idle(server, idle)) });
      server.check();
    }
    for (const load of loads) {
      const found = await generator.fanOut(server, load, seconds);
      server.check();
      load.runs.push({ name: subject.name, ...found });
      const { cpu_us_per_delivery: cpu, p99_ms, lost_percent } = found;
      say(
        `    ${load.name}: ${cpu.toFixed(2)} µs a delivery, p99 ${p99_ms.toFixed(1)} ms, ` +
          `${lost_percent} % lost`,
      );
    }
  } finally {
    await server.stop();
  }
}

const say = (text) => process.stderr.write(`${text}\n`);

async function main() {
  const { rounds, viewers, seconds } = options();
  const absent = missing();
  if (absent.length > 0)
    throw new Error(`not installed: ${absent.join(", ")}\nrun load-tests/peers/install first`);
  await mkdir(folder, { recursive: true });

  const few = Math.max(1, Math.round(viewers / 5));
  const count = (number) => number.toLocaleString("en-US");
  const title = (people, rate) => `${count(people)} viewers of one room, ${rate} messages/s`;
  const loads = [
    { name: "quiet", title: title(viewers, 5), viewers, rate: 5, runs: [] },
    { name: "busy", title: title(few, 100), viewers: few, rate: 100, runs: [] },
  ];
  const idle = { title: `${count(viewers)} idle sockets in one room`, viewers, runs: [] };
  const servers = [...HAWKER, ...PEERS].map((server) => ({ ...server, version: server.version() }));
  const built = resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "release");
  const log = join(folder, "generator.log");
  await writeFile(log, "");
  const generator = new Generator({
    program: join(built, "hawker-load"),
    hawker: join(built, "hawker"),
    log,
  });

  const began = Date.now();
  for (let round = 0; round < rounds; round += 1) {
    // Another server begins each round, so that none always follows the same one.
    for (let step = 0; step < servers.length; step += 1) {
      const index = (step + round) % servers.length;
      say(
        `round ${round + 1} of ${rounds}, ${Math.round((Date.now() - began) / 1000)} s: ` +
          servers[index].name,
      );
      await measure(servers[index], index, generator, { loads, idle }, seconds);
    }
  }

  const machine = `${cpus().length} cores of ${cpus()[0].model.trim()}, Linux ${release()}`;
  const asked = `--rounds ${rounds} --viewers ${viewers} --seconds ${seconds}`;
  const command = `load-tests/peers/run ${asked}`;
  const result = {
    machine,
    command,
    day: new Date().toISOString().slice(0, 10),
    rounds,
    servers,
    loads,
    idle,
  };
  await write(result);
}

async function write(result) {
  const text = section(result);
  await writeFile(join(folder, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(join(folder, "figures.svg"), bars(panels(result)));
  process.stdout.write(`${text}\n`);
  if (result.rounds < ROUNDS_TO_WRITE) {
    say(
      `load-tests/README.md is left as it is: it takes ${ROUNDS_TO_WRITE} rounds. ` +
        "The picture is in target/peers/run.",
    );
    return;
  }
  const page = join(root, "load-tests/README.md");
  await writeFile(page, between(await readFile(page, "utf8"), MARK, text));
  await writeFile(join(root, "load-tests/peers/figures.svg"), bars(panels(result)));
  say("written: load-tests/README.md, load-tests/peers/figures.svg");
}

main().catch((error) => {
  say(`load-tests/peers/run: ${error.message}`);
  process.exit(1);
});
