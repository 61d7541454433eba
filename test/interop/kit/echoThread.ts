/**
 * An echo upstream in a thread of its own, so that a test that moves much has both cores; tells its port first.
 */
import type { AddressInfo } from "node:net"
import { parentPort, Worker, workerData } from "node:worker_threads"
import { Effect } from "effect"
import { WebSocketServer } from "ws"

/** Its URL; it ends with the scope. */
export const echoThread = Effect.gen(function* () {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL(import.meta.url), { workerData: "echo", execArgv: ["--conditions=source"] })),
    (running) => Effect.promise(() => running.terminate()),
  )
  return yield* Effect.callback<string>((resume) => {
    worker.once("message", (port: number) => resume(Effect.succeed(`ws://127.0.0.1:${port}`)))
    worker.once("error", (error) => resume(Effect.die(error)))
  })
})

if (workerData === "echo") {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  server.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })))
  server.on("listening", () => parentPort?.postMessage((server.address() as AddressInfo).port)) // it listens on TCP
}
