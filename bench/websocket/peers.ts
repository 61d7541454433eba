/**
 * Starts the proxies that are compared, and reads what the operating system knows of them.
 */
import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A proxy that runs. */
export interface Peer {
  readonly name: string
  readonly port: number
  /** `undefined` where there is none: the origin itself. */
  readonly process: ChildProcess | undefined
}

const program = fileURLToPath(new URL("proxies.ts", import.meta.url))
const flags = ["--conditions=source", "--expose-gc"]

/** One of ours; `native` says whether `ws` may use `bufferutil`. */
export const start = async (name: string, which: string, native: boolean, origin: number): Promise<Peer> => {
  const { WS_NO_BUFFER_UTIL: _, ...env } = process.env
  const child = fork(program, [which, `${origin}`], {
    execArgv: flags,
    env: native ? env : { ...env, WS_NO_BUFFER_UTIL: "1" },
  })
  const [port] = (await once(child, "message")) as [number]
  pin(child.pid!, 0)
  return { name, port, process: child }
}

/** Those of other makers that are installed. */
export const installed = async (origin: number): Promise<ReadonlyArray<Peer>> => {
  const found: Array<Peer> = []
  for (const [name, configure] of Object.entries({ nginx, haproxy })) {
    if (!has(name)) {
      console.log(`${name}: not on the PATH, left out`)
      continue
    }
    const port = await free()
    const file = join(mkdtempSync(join(tmpdir(), "bench-")), `${name}.conf`)
    const { args, text } = configure(file, port, origin)
    writeFileSync(file, text)
    const child = spawn(name, args, { stdio: "ignore" })
    pin(child.pid!, 0)
    await new Promise((resolve) => setTimeout(resolve, 500))
    if (child.exitCode !== null) {
      console.log(`${name}: it ended with ${child.exitCode} at once, left out`)
      continue
    }
    found.push({ name, port, process: child })
  }
  return found
}

/** Ends it, and waits until it has. */
export const stop = async ({ process: child }: Peer): Promise<void> => {
  if (child === undefined || child.exitCode !== null) return
  child.kill("SIGKILL")
  await once(child, "exit")
}

/** User and system time so far, in microseconds; the kernel counts it in hundredths of a second. */
export const cpu = (peer: Peer): number => {
  if (peer.process === undefined) return 0
  const stat = readFileSync(`/proc/${peer.process.pid}/stat`, "latin1")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Memory in use, in bytes, after a collection where there is a heap to collect. */
export const memory = async (peer: Peer): Promise<{ readonly rss: number; readonly heap: number }> => {
  const child = peer.process!
  let heap = 0
  if (child.send !== undefined && child.connected) {
    child.send("collect")
    const [used] = (await once(child, "message")) as [number]
    heap = used
  }
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1")
  return { rss: Number(/VmRSS:\s*(\d+)/.exec(status)![1]) * 1024, heap }
}

/** On that core, where that is possible: so that load and proxy do not take each other's. */
export const pin = (pid: number, core: number): void => {
  if (has("taskset")) execFileSync("taskset", ["-acp", `${core}`, `${pid}`], { stdio: "ignore" })
}

const has = (name: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((folder) => {
    try {
      return readFileSync(join(folder, name)).length > 0
    } catch {
      return false
    }
  })

const free = async (): Promise<number> => {
  const server = Net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as Net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}

// Both in one process each, so that its times are all there is.
const nginx = (file: string, port: number, origin: number) => ({
  args: ["-c", file],
  text: `daemon off; master_process off; pid ${file}.pid; error_log /dev/null;
events { worker_connections 16384; }
http { access_log off; server { listen 127.0.0.1:${port}; location / {
  proxy_pass http://127.0.0.1:${origin}; proxy_http_version 1.1; proxy_read_timeout 1h;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }
`,
})

const haproxy = (file: string, port: number, origin: number) => ({
  args: ["-db", "-f", file],
  text: `global
  maxconn 9000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server origin 127.0.0.1:${origin}
`,
})
