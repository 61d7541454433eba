/**
 * Runs the example on free ports of this machine, with an upstream that greets.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { WebSocketServer } from "ws"
import { layer, program } from "./program.ts"

const upstream = new WebSocketServer({ port: 0, host: "127.0.0.1" })
upstream.on("connection", (socket, request) => socket.send(`welcome to ${request.url}`))
upstream.once("listening", () => {
  const address = upstream.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const server = createServer()
  const Live = layer(() => server, `ws://127.0.0.1:${port}`).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => server, { host: "127.0.0.1", port: 0 })),
    Layer.merge(FetchHttpClient.layer),
  )
  NodeRuntime.runMain(
    Effect.ensuring(
      Effect.provide(program, Live),
      Effect.sync(() => upstream.close()),
    ),
  )
})
