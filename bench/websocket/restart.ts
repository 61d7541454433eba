/**
 * What a proxy with 5,000 sessions does when its upstream is killed and started again within a second: three processes, real sockets.
 * Run: node --conditions=source bench/websocket/restart.ts [sessions] [rounds]
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Context, Effect, Layer, Logger } from "effect"
import { WebSocket, WebSocketServer } from "ws"
import { median } from "../kit/rounds.ts"

const away = 700
const limit = 15_000
const goal = 250

interface Round {
  readonly resumed: number
  readonly tookMillis: number
  readonly p99: number
  readonly cpuMillis: number
}

const upstream = (port: number) => {
  const server = new WebSocketServer({ host: "127.0.0.1", port, backlog: 4096, perMessageDeflate: false })
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on("error", () => {})
  })
  server.on("listening", () => process.send!(server.address()))
}

const proxy = (port: number) => {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  let before = process.cpuUsage()
  process.on("message", (word) => {
    if (word === "start") {
      delay.enable()
      delay.reset()
      before = process.cpuUsage()
    } else {
      const { system, user } = process.cpuUsage(before)
      process.send!({ p99: delay.percentile(99) / 1e6, cpuMillis: (user + system) / 1000 })
    }
  })
  const layer = Proxy.layer({ upstream: `ws://127.0.0.1:${port}`, maxDials: 64 }).pipe(
    Layer.provideMerge(Acceptor.layer()),
    Layer.provide(Logger.layer([])),
  )
  const program = Effect.gen(function* () {
    const { address } = Context.get(yield* Layer.build(layer), Acceptor.Acceptor)
    process.send!({ address })
    yield* Effect.never
  })
  Effect.runFork(Effect.scoped(program))
}

const child = async (role: string, port: number): Promise<readonly [ChildProcess, Record<string, unknown>]> => {
  const process = fork(fileURLToPath(import.meta.url), [role, `${port}`], { execArgv: ["--conditions=source"] })
  const [said] = await once(process, "message")
  return [process, said as Record<string, unknown>]
}

const open = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    socket.once("open", () => resolve(socket))
    socket.once("error", reject)
  })

const round = async (sessions: number): Promise<Round> => {
  const [first, { port }] = await child("upstream", 0)
  const [front, { address }] = await child("proxy", Number(port))
  const sockets: Array<WebSocket> = []
  while (sockets.length < sessions) {
    const batch = Array.from({ length: Math.min(100, sessions - sockets.length) }, () =>
      open(`ws://${String(address)}`),
    )
    sockets.push(...(await Promise.all(batch)))
  }
  let resumed = 0
  const all = new Promise<void>((resolve) => {
    for (const socket of sockets) {
      socket.on("error", () => {})
      socket.on("message", () => {
        if (++resumed === sockets.length) resolve()
      })
    }
  })
  front.send("start")
  first.kill("SIGKILL")
  await once(first, "exit")
  const lost = performance.now()
  // Held by the proxy until the upstream is back, and answered by the new one.
  const sending = new Promise((resolve) => setTimeout(resolve, away / 2)).then(() => {
    for (const socket of sockets) socket.send("are you there?")
  })
  await new Promise((resolve) => setTimeout(resolve, away))
  const [second] = await child("upstream", Number(port))
  await sending
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, limit))])
  const tookMillis = performance.now() - lost
  front.send("report")
  const [{ cpuMillis, p99 }] = (await once(front, "message")) as [{ readonly p99: number; readonly cpuMillis: number }]
  for (const socket of sockets) socket.terminate()
  for (const process of [front, second]) {
    process.kill("SIGKILL")
    await once(process, "exit")
  }
  return { resumed, tookMillis, p99, cpuMillis }
}

const main = async (sessions: number, rounds: number) => {
  const results: Array<Round> = []
  for (let at = 0; at < rounds; at++) {
    const result = await round(sessions)
    results.push(result)
    console.log(
      `${result.resumed} of ${sessions} sessions answered ${(result.tookMillis / 1000).toFixed(2)} s after the kill; ` +
        `proxy: event loop delay p99 ${result.p99.toFixed(0)} ms, ${result.cpuMillis.toFixed(0)} ms CPU`,
    )
  }
  const took = median(results.map(({ tookMillis }) => tookMillis)) / 1000
  const p99 = median(results.map((result) => result.p99))
  console.log(
    `median: all after ${took.toFixed(2)} s (goal 15 s), event loop delay p99 ${p99.toFixed(0)} ms (goal ${goal} ms)`,
  )
}

const [role = "5000", port = "3"] = process.argv.slice(2)
if (role === "upstream") upstream(Number(port))
else if (role === "proxy") proxy(Number(port))
else await main(Number(role), Number(port))
