// Processes of a comparison: started, waited for, and ended again. Owns
// every process it started; leaves none behind, however the comparison ends.

import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const READY_MS_MAX = 20_000;
const END_MS_MAX = 5_000;
const LOG_LINES_SHOWN = 20;

const running = new Set();

/** Ends what is still there; the only thing that may happen in an exit handler. */
function killAll() {
  for (const child of running) killGroup(child, "SIGKILL");
}

process.on("exit", killAll);
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
]) {
  process.on(signal, () => process.exit(code));
}

// Each is the head of a group of its own, so that its helpers end with it.
function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended.
  }
}

function launch(program, args, { env = {}, stdout, stderr }) {
  const child = spawn(program, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ["ignore", stdout, stderr],
  });
  running.add(child);
  child.over = new Promise((done) => {
    child.once("error", (error) => done(`could not be started: ${error.message}`));
    child.once("close", (code, signal) =>
      done(signal ? `ended by ${signal}` : `ended with code ${code}`),
    );
  }).finally(() => running.delete(child));
  return child;
}

/** Runs a program to its end; returns how it ended and what it wrote to standard output. */
export async function run(program, args, { msMax, log }) {
  const file = openSync(log, "a");
  const child = launch(program, args, { stdout: "pipe", stderr: file });
  closeSync(file);
  const parts = [];
  child.stdout?.on("data", (part) => parts.push(part));
  const late = Symbol("late");
  const timer = new AbortController();
  const outcome = await Promise.race([child.over, delay(msMax, late, { signal: timer.signal })]);
  timer.abort();
  if (outcome === late) {
    killGroup(child, "SIGKILL");
    throw new Error(
      `${program} ${args.join(" ")} took longer than ${msMax / 1000} s\n${tail(log)}`,
    );
  }
  return { text: Buffer.concat(parts).toString(), outcome, log: tail(log) };
}

/** Starts a server and returns when it accepts connections. */
export async function serve(name, { program, args, env }, port, log) {
  if (await accepts(port)) throw new Error(`port ${port} is taken: something else listens there`);
  const file = openSync(log, "w");
  const child = launch(program, args, {
    env: { ...env, PORT: String(port) },
    stdout: file,
    stderr: file,
  });
  closeSync(file);
  let ended;
  child.over.then((how) => (ended = how));
  const until = Date.now() + READY_MS_MAX;
  while (!(await accepts(port))) {
    if (ended || Date.now() > until) {
      killGroup(child, "SIGKILL");
      const how = ended ?? `did not listen on port ${port} within ${READY_MS_MAX / 1000} s`;
      throw new Error(`${name} did not start: it ${how}\n${tail(log)}`);
    }
    await delay(50);
  }
  return {
    pid: child.pid,
    stop: () => stop(child),
    check: () => {
      if (ended) throw new Error(`${name} ${ended} in the middle of a run\n${tail(log)}`);
    },
  };
}

async function stop(child) {
  killGroup(child, "SIGTERM");
  const timer = new AbortController();
  const late = delay(END_MS_MAX, "late", { signal: timer.signal });
  if ((await Promise.race([child.over, late])) === "late") {
    killGroup(child, "SIGKILL");
    await child.over;
  }
  timer.abort();
}

function accepts(port) {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}

function tail(log) {
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  return lines.slice(-LOG_LINES_SHOWN).join("\n");
}
