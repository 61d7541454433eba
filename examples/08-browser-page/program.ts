/**
 * A page that stays connected while the server behind the proxy crashes, and while the proxy itself restarts.
 */
import { Acceptor, Proxy } from "@holdfast/websocket"
import { Console, Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { Page } from "./page.ts"
import { Feed } from "./peers.ts"

/** A proxy that may be stopped. */
const proxy = Effect.fnUntraced(function* (upstream: string, listen: string) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const Live = Proxy.layer({ upstream, drainTimeout: "100 millis" }).pipe(
    Layer.provideMerge(Acceptor.layer({ listen })),
  )
  const { address } = Context.get(yield* Layer.buildWithScope(Live, scope), Acceptor.Acceptor)
  return { address, stop: Scope.close(scope, Exit.void) }
})

export const program = Effect.gen(function* () {
  const feed = yield* Feed
  const first = yield* proxy(feed.url, "127.0.0.1:0")
  const opened = yield* (yield* Page).open(`ws://${first.address}/`)
  if (Option.isNone(opened)) return yield* Console.log("skipped: there is no Chromium on the PATH to open the page")
  const page = Effect.flatMap(opened.value.says, (text) => Console.log(`the page: ${text}`))
  const heard = Effect.flatMap(feed.hears, (text) => Console.log(`the feed hears: ${text}`))

  yield* page
  yield* heard
  yield* feed.say("one")
  yield* page

  yield* feed.crash
  yield* Console.log("the feed crashed, and the page did not notice")
  yield* feed.say("two")
  yield* page

  yield* first.stop
  yield* Console.log("the proxy is gone")
  yield* page
  yield* proxy(feed.url, first.address)
  yield* Console.log("the proxy is there again")
  yield* page
  yield* page
  yield* heard
  yield* heard
  yield* feed.say("three")
  yield* page
}).pipe(Effect.scoped)
