/**
 * An app with an ordinary HTTP server; WebSockets below `/live` go on to another server.
 */
import { Acceptor, Dialer, Proxy, type Transport } from "@holdfast/websocket"
import { Console, Deferred, Effect, Layer } from "effect"
import { HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import type { Server } from "node:http"

/** Everything on the server but `/live`. */
const App = HttpRouter.serve(HttpRouter.add("GET", "/", HttpServerResponse.text("hello")), {
  disableListenLog: true,
  disableLogger: true,
})

/** Only who knows the word may come in; the answer names the client. */
const authorize = (client: Acceptor.Incoming) =>
  client.headers["authorization"] === "Bearer open sesame"
    ? Effect.succeed("ann")
    : Effect.fail(new Proxy.Rejected({ status: 401, why: "who are you?" }))

/** The app, with the proxy in front of `upstream`, on your server. */
export const layer = (server: () => Server, upstream: string) =>
  Layer.mergeAll(
    App,
    Proxy.layer({ upstream, authorize }).pipe(Layer.provide(Acceptor.layerServer(server, { path: "/live" }))),
  )

/** Visits the app as a browser, a stranger and a friend would. */
export const program = Effect.gen(function* () {
  const host = yield* HttpServer.addressFormattedWith((address) => Effect.succeed(address.replace("http://", "")))
  const page = yield* Effect.flatMap(HttpClient.get(`http://${host}/`), (response) => response.text)
  yield* Console.log(`GET /: ${page}`)

  const { dial } = yield* Dialer.Dialer
  const stranger = yield* Effect.flip(Effect.scoped(dial({ url: `ws://${host}/live/room?id=1` })))
  yield* Console.log(
    `a stranger at /live: ${stranger.reason._tag === "Refused" ? stranger.reason.status : stranger.message}`,
  )

  const headers = { authorization: "Bearer open sesame" }
  const friend = yield* dial({ url: `ws://${host}/live/room?id=1`, headers })
  yield* Console.log(`a friend at /live: ${yield* firstMessage(friend)}`)
  yield* friend.close(1000, "thank you")
}).pipe(Effect.scoped)

const firstMessage = Effect.fnUntraced(function* (transport: Transport.Transport) {
  const message = yield* Deferred.make<string>()
  transport.listen({
    frame: (frame) => Deferred.doneUnsafe(message, Effect.succeed(new TextDecoder().decode(frame.bytes()))),
    writable: () => {},
    closed: () => {},
  })
  return yield* Deferred.await(message)
})
