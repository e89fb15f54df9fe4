// Which servers are compared, how each is started and what it calls itself. Owns the list;
// starts nothing.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
const here = join(root, "load-tests/peers");
const installed = join(root, "target/peers");

const paths = {
  nginx: join(installed, "nginx/usr/sbin/nginx"),
  modules: join(installed, "nginx/usr/lib/nginx/modules"),
  centrifuge: join(installed, "centrifuge/server"),
  bun: bun(),
};

function bun() {
  const packages = join(here, "node_modules/@oven");
  if (!existsSync(packages)) return join(packages, "bun");
  return join(
    packages,
    readdirSync(packages).find((name) => name.startsWith("bun-")) ?? "bun",
    "bin/bun",
  );
}

const npm = (name) =>
  JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"))).version;
const said = (program, ...args) => execFileSync(program, args, { encoding: "utf8" }).trim();
const written = (name) => readFileSync(join(installed, name, "version"), "utf8").trim();

const node = (file, env = {}) => ({ program: process.execPath, args: [join(here, file)], env });
const onNode = (name) => () => `${npm(name)}, Node.js ${process.versions.node}`;

/**
 * A peer talks as `form` says, one of those that `hawker-load fan-out --peer` knows. `memory` is
 * the name under which its idle sockets are weighed; another way of sending does not change them.
 */
export const PEERS = [
  {
    name: "ws",
    memory: "ws",
    form: "ws",
    path: "/",
    tickMs: 0,
    version: onNode("ws"),
    start: () => node("ws/server.mjs"),
  },
  {
    name: "ws, one frame for all",
    form: "ws",
    path: "/",
    tickMs: 0,
    version: onNode("ws"),
    start: () => node("ws/server.mjs", { MODE: "frame" }),
  },
  {
    name: "ws, ticks by hand",
    form: "ws",
    path: "/",
    tickMs: 200,
    version: onNode("ws"),
    start: () => node("ws/server.mjs", { MODE: "tick", TICK_MS: "200" }),
  },
  {
    name: "Socket.IO",
    memory: "Socket.IO",
    form: "socket.io",
    path: "/socket.io/?EIO=4&transport=websocket",
    tickMs: 0,
    version: onNode("socket.io"),
    start: () => node("socket.io/server.mjs"),
  },
  {
    name: "Nchan",
    memory: "Nchan",
    form: "nchan",
    path: "/room",
    tickMs: 0,
    version: () => `${written("nginx")}, nginx ${/[\d.]+$/.exec(nginxVersion())}`,
    start: startNchan,
  },
  {
    name: "centrifuge (Go, 2021)",
    memory: "centrifuge (Go, 2021)",
    form: "centrifuge",
    path: "/room",
    tickMs: 0,
    version: () =>
      `${written("centrifuge")}, ${said("go", "version").split(" ")[2].replace("go", "Go ")}`,
    start: () => ({ program: paths.centrifuge, args: [], env: {} }),
  },
  {
    name: "Bun (µWebSockets)",
    memory: "Bun (µWebSockets)",
    form: "ws",
    path: "/",
    tickMs: 0,
    version: () => said(paths.bun, "--version"),
    start: () => ({ program: paths.bun, args: [join(here, "uwebsockets/server.mjs")], env: {} }),
  },
];

/** Started by the generator itself, for each measurement anew. */
export const HAWKER = [0, 50, 200].map((tickMs) => ({
  name: tickMs === 0 ? "Hawker, no ticks" : `Hawker, ticks of ${tickMs} ms`,
  memory: tickMs === 0 ? "Hawker" : undefined,
  ours: true,
  tickMs,
  version: () => "this tree",
}));

/** What `install` should have put in place and did not. */
export function missing() {
  return [paths.nginx, paths.centrifuge, paths.bun, join(here, "node_modules/ws")].filter(
    (path) => !existsSync(path),
  );
}

// nginx tells its version on standard error.
const nginxVersion = () => said("sh", "-c", '"$0" -v 2>&1', paths.nginx);

async function startNchan(port, folder, filesMax) {
  await mkdir(folder, { recursive: true });
  const filled = {
    MODULES: paths.modules,
    CORES: availableParallelism(),
    FILES: filesMax,
    FOLDER: folder,
    PORT: port,
  };
  const form = await readFile(join(here, "nchan/nginx.conf"), "utf8");
  const config = join(folder, "nginx.conf");
  await writeFile(
    config,
    form.replace(/@([A-Z]+)@/g, (mark, name) => filled[name] ?? mark),
  );
  return { program: paths.nginx, args: ["-p", folder, "-c", config], env: {} };
}
