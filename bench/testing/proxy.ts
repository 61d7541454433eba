/**
 * What a fault proxy without faults costs, next to a plain pipe of `node:net`. `node --conditions=source bench/testing/proxy.ts` prints a table:
 * CPU of this process, which is client, proxy and server, medians of shuffled rounds.
 */
import * as Net from "node:net"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Effect } from "effect"
import { measure, median, ratio } from "../kit/rounds.ts"

const listening = (server: Net.Server) =>
  Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as Net.AddressInfo // it listens on TCP
        resume(Effect.succeed(`127.0.0.1:${port}`))
      })
    }),
    () => Effect.sync(() => server.close()),
  )

const dialled = (address: string) => {
  const [host, port] = address.split(":")
  return Net.connect({ host: host!, port: Number(port), noDelay: true })
}

const echo = Effect.suspend(() =>
  listening(Net.createServer({ noDelay: true }, (socket) => socket.on("error", () => {}).pipe(socket))),
)

const pipe = (upstream: string) =>
  listening(
    Net.createServer({ noDelay: true }, (client) => {
      const server = dialled(upstream)
      for (const socket of [client, server]) socket.on("error", () => {})
      client.pipe(server).pipe(client)
    }),
  )

/** Sends so many blocks, no more than a window ahead of what has come back. */
const transfer = (socket: Net.Socket, size: number, blocks: number, window: number) =>
  new Promise<void>((resolve) => {
    const block = Buffer.alloc(size)
    const total = size * blocks
    let [sent, got] = [0, 0]
    const more = () => {
      while (sent < total && sent - got < window * size) {
        socket.write(block)
        sent += size
      }
    }
    const onData = (data: Buffer) => {
      got += data.length
      more()
      if (got < total) return
      socket.off("data", onData)
      resolve()
    }
    socket.on("data", onData)
    more()
  })

const program = Effect.gen(function* () {
  const upstream = yield* echo
  const ways = {
    "no proxy": upstream,
    "net pipe": yield* pipe(upstream),
    FaultProxy: (yield* FaultProxy.make({ upstream })).address,
  }
  const late = yield* FaultProxy.make({ upstream })
  yield* Effect.orDie(late.inject({ _tag: "latency", delay: "0ms" }))
  const all = Object.entries({ ...ways, "with a latency of 0": late.address })
  const sockets = all.map(([name, address]) => ({ name, socket: dialled(address) }))
  const table: Record<string, object> = {}
  for (const [what, size, window, operations] of [
    ["64 B, one at a time", 64, 1, 2000],
    ["64 KiB, 16 under way", 64 * 1024, 16, 1000],
  ] as const) {
    const contenders = sockets.map(({ name, socket }) => ({
      name,
      run: (blocks: number) => transfer(socket, size, blocks, window),
    }))
    const walls = new Map<string, number>()
    for (const { name, run } of contenders) {
      yield* Effect.promise(() => run(operations))
      const from = performance.now()
      yield* Effect.promise(() => run(operations))
      walls.set(name, (performance.now() - from) / 1000)
    }
    const times = yield* Effect.promise(() => measure(contenders, { operations, rounds: 9 }))
    for (const { name } of contenders) {
      const seconds = walls.get(name)!
      table[`${what}: ${name}`] = {
        "CPU us": (median(times.get(name)!) / 1000).toFixed(1),
        "to the pipe": ratio(times, name, "net pipe").toFixed(2),
        "round trips/s": Math.round(operations / seconds),
        "MiB/s each way": ((operations * size) / seconds / 1024 ** 2).toFixed(0),
      }
    }
  }
  for (const { socket } of sockets) socket.destroy()
  return table
})

console.table(await Effect.runPromise(Effect.scoped(program)))
