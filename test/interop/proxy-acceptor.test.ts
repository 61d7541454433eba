import { assert, describe, it } from "@effect/vitest"
import { Acceptor, type Transport } from "@holdfast/websocket"
import { Cause, Context, Deferred, Effect, Exit, Layer, Logger, Queue, Scope } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// An acceptor without a proxy: its user listens when it likes.
const accepting = Effect.gen(function* () {
  const transports = yield* Queue.unbounded<Transport.Transport>()
  const release = yield* Deferred.make<void>()
  const context = yield* Layer.build(Acceptor.layer())
  const acceptor = Context.get(context, Acceptor.Acceptor)
  yield* acceptor.serve({
    upgrade: (it) =>
      it.accept().pipe(
        Effect.tap((transport) => Queue.offer(transports, transport)),
        Effect.andThen(Deferred.await(release)),
        Effect.scoped,
        Effect.ignore,
      ),
  })
  return { address: acceptor.address, accepted: Queue.take(transports) }
})

describe("an accepted transport", () => {
  for (const [when, early] of [
    ["before", true],
    ["after", false],
  ] as const) {
    it.live(`keeps frames that were sent ${when} its 101 until somebody listens`, () =>
      Effect.gen(function* () {
        const { accepted, address } = yield* accepting
        const client = yield* Raw.dial(address)
        const frames = Array.from({ length: 50 }, (_, at) => frame(`message ${at}`))
        client.write(Raw.upgradeRequest(), ...(early ? frames : []))
        yield* Raw.head(client)
        if (!early) client.write(...frames)
        const transport = yield* accepted
        yield* Effect.sleep("20 millis") // long enough for frames to be lost
        const heard: Array<string> = []
        const frame0 = (it: Transport.Frame) => void heard.push(Buffer.from(it.bytes()).toString())
        transport.listen({ frame: frame0, writable: () => {}, closed: () => {} })
        yield* eventually(() => heard.length === 50)
        assert.deepStrictEqual(
          heard,
          Array.from({ length: 50 }, (_, at) => `message ${at}`),
        )
      }),
    )
  }

  it.live("is not read while nobody listens: a large sender has to wait", () =>
    Effect.gen(function* () {
      const { accepted, address } = yield* accepting
      const client = yield* Raw.dial(address)
      client.write(Raw.upgradeRequest(), frame("early"))
      yield* Raw.head(client)
      yield* accepted
      const full = frame(Buffer.alloc(1024 * 1024), { opcode: 2 })
      for (let at = 0; at < 16; at++) client.write(full)
      yield* Effect.sleep("100 millis") // far longer than reading them all takes
      assert.isAbove(client.socket.writableLength, 1024 * 1024)
    }),
  )

  it.live("gives away what it got even if the client is gone when somebody listens", () =>
    Effect.gen(function* () {
      const { accepted, address } = yield* accepting
      const client = yield* Raw.dial(address)
      client.write(Raw.upgradeRequest())
      yield* Raw.head(client)
      client.write(frame("one"), frame("two"))
      const transport = yield* accepted
      yield* Effect.sleep("20 millis") // they are in the socket
      client.reset()
      yield* transport.closed
      const heard: Array<unknown> = []
      transport.listen({
        frame: (it) => heard.push(Buffer.from(it.bytes()).toString()),
        writable: () => {},
        closed: (info) => heard.push(info.code),
      })
      assert.deepStrictEqual(heard, ["one", "two", 1006])
    }),
  )
})

describe("a handler of an acceptor", () => {
  it.live("that ends without an answer is a 503 for the client; later answers do nothing", () =>
    Effect.gen(function* () {
      const acceptor = Context.get(yield* Layer.build(Acceptor.layer()), Acceptor.Acceptor)
      yield* acceptor.serve({
        upgrade: (client) =>
          client.path === "/twice"
            ? Effect.andThen(client.reject(409, "once"), client.reject(410, "twice"))
            : Effect.void,
      })
      const refusal = (path: string) => Effect.flip(connect(`ws://${acceptor.address}${path}`))
      assert.strictEqual((yield* refusal("/")).status, 503)
      assert.deepStrictEqual((yield* refusal("/twice")).body, "once\n")
    }),
  )
})

describe("an answer of an acceptor", () => {
  for (const answer of [{ headers: { "x-key": "1\r\nx-more: 2" } }, { protocol: "a\r\nx-more: 2" }]) {
    it.live(`that would break its 101 is a 500 for the client: ${Object.keys(answer)}`, () =>
      Effect.gen(function* () {
        const acceptor = Context.get(yield* Layer.build(Acceptor.layer()), Acceptor.Acceptor)
        yield* acceptor.serve({
          upgrade: (client) => Effect.scoped(Effect.orDie(Effect.asVoid(client.accept(answer)))),
        })
        const refusal = yield* Effect.flip(connect(`ws://${acceptor.address}/`))
        assert.deepStrictEqual([refusal.status, refusal.body], [500, "internal error\n"])
      }).pipe(Effect.provide(Logger.layer([]))),
    )
  }
})

describe("an acceptor on its own port", () => {
  it.live("says which address is taken", () =>
    Effect.gen(function* () {
      const first = yield* proxied({ upstream: "ws://127.0.0.1:9" })
      const exit = yield* Effect.exit(Layer.build(Acceptor.layer({ listen: first.address })))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(`${Exit.isFailure(exit) && exit.cause}`, `cannot listen on ${first.address}: the port is in use`)
    }),
  )

  it.live("may give its clients more time than Node does by default", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Acceptor.layer({ handshakeTimeout: "10 minutes" }))
      assert.match(Context.get(context, Acceptor.Acceptor).address, /^127\.0\.0\.1:\d+$/)
    }),
  )

  it.live("gives its port back when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Acceptor.layer(), scope)
      const { address } = Context.get(context, Acceptor.Acceptor)
      yield* Scope.close(scope, Exit.void)
      const again = yield* Layer.build(Acceptor.layer({ listen: address }))
      assert.strictEqual(Context.get(again, Acceptor.Acceptor).address, address)
    }),
  )

  for (const listen of ["nonsense", "127.0.0.1", "127.0.0.1:99999", ":80", "::1:80", "127.0.0.1:-1"]) {
    it.live(`does not listen on ${listen}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Acceptor.layer({ listen }))))
        assert.include(error.message, "expected HOST:PORT")
      }),
    )
  }
})

describe("an acceptor's options", () => {
  it.live("that are impossible are named", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Layer.build(Acceptor.layer({ maxMessage: 0 })))
      assert.match(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), /maxMessage must be at least 1 byte/)
    }),
  )
})
