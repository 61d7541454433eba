import { assert, describe, it } from "@effect/vitest"
import type { Proxy } from "@holdfast/websocket"
import { Effect, Fiber } from "effect"
import { serverFrame } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"

// What a client is answered when its upstream does this with the handshake.
const treated = Effect.fnUntraced(function* (
  treat: (peer: Raw.Raw, request: Raw.Head) => void,
  options: Partial<Proxy.Options> = {},
) {
  const up = yield* Raw.listen
  const proxy = yield* proxied({ upstream: up.url, ...options })
  const fiber = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
  const peer = yield* up.accepted
  treat(peer, yield* Raw.head(peer))
  const { status } = yield* Fiber.join(fiber)
  yield* peer.closed
  assert.strictEqual(up.count(), 1)
  assert.deepStrictEqual(proxy.rows("Session"), [])
  return status
})

const endless = (peer: Raw.Raw, chunk: string) => {
  const more = () => {
    while (!peer.socket.destroyed && peer.socket.write(chunk));
  }
  peer.socket.on("drain", more)
  more()
}

describe("a client is told 502 when its upstream", () => {
  it.live("is not there", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Raw.listen)
      const proxy = yield* proxied({ upstream: url })
      assert.strictEqual((yield* Effect.flip(connect(proxy.url))).status, 502)
    }),
  )

  const treatments: Readonly<Record<string, (peer: Raw.Raw, request: Raw.Head) => void>> = {
    "resets the connection": (peer) => peer.reset(),
    "hangs up without a word": (peer) => peer.socket.end(),
    "answers with something that is not HTTP": (peer) => peer.write("220 mail.example ESMTP\r\n"),
    "answers with random bytes": (peer) => peer.write(Buffer.from([0, 255, 22, 3, 1, 13, 10, 13, 10])),
    "hangs up in the middle of its status line": (peer) => peer.socket.end("HTTP/1.1 10"),
    "hangs up in the middle of its headers": (peer) => peer.socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgr"),
    "answers headers without end": (peer) => {
      peer.write("HTTP/1.1 101 Switching Protocols\r\n")
      endless(peer, `X-More: ${"x".repeat(1000)}\r\n`)
    },
    "proves the wrong key": (peer, request) =>
      peer.write(Raw.switching(request).replace(/Accept: .{6}/, "Accept: AAAAAA")),
    "proves no key": (peer, request) => peer.write(Raw.switching(request).replace(/Sec-WebSocket-Accept.*\r\n/, "")),
    "switches to another protocol": (peer, request) =>
      peer.write(Raw.switching(request).replace("Upgrade: websocket", "Upgrade: h2c")),
    "uses an extension nobody offered": (peer, request) =>
      peer.write(Raw.switching(request, ["Sec-WebSocket-Extensions: permessage-deflate"])),
    "switches without saying to what": (peer) => peer.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "answers a status that is none": (peer) => peer.write("HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n"),
  }
  for (const [what, treat] of Object.entries(treatments)) {
    it.live(what, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* treated(treat), 502)
      }),
    )
  }
})

describe("a client is told 504 within the time when its upstream", () => {
  const quick = { handshakeTimeout: "300 millis" } as const

  it.live("says nothing", () =>
    Effect.gen(function* () {
      const started = performance.now()
      assert.strictEqual(yield* treated(() => {}, quick), 504)
      const took = performance.now() - started
      assert.isTrue(took >= 290 && took < 2000, `${took}`)
    }),
  )

  it.live("only says that it goes on", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* treated((peer) => peer.write("HTTP/1.1 100 Continue\r\n\r\n"), quick), 504)
    }),
  )

  it.live("never finishes the body of its refusal", () =>
    Effect.gen(function* () {
      const half = "HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf"
      assert.strictEqual(yield* treated((peer) => peer.write(half), quick), 504)
    }),
  )
})

describe("a bad upstream", () => {
  it.live("that refuses with a body without end is cut, and its status passed on", () =>
    Effect.gen(function* () {
      const status = yield* treated((peer) => {
        peer.write("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        endless(peer, `10000\r\n${"x".repeat(0x10000)}\r\n`)
      })
      assert.strictEqual(status, 403)
    }),
  )

  it.live("that hangs up in the middle of its refusal is still a refusal", () =>
    Effect.gen(function* () {
      const status = yield* treated((peer) => peer.socket.end("HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf"))
      assert.strictEqual(status, 403)
    }),
  )

  it.live("leaves nothing behind that keeps the next client out", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url, maxSessions: 1, maxDials: 1 })
      for (let attempt = 0; attempt < 20; attempt++) {
        const fiber = yield* Effect.forkChild(Effect.flip(connect(proxy.url)))
        const peer = yield* up.accepted
        if (attempt % 2 === 0) peer.reset()
        else peer.write("nonsense\r\n\r\n")
        assert.strictEqual((yield* Fiber.join(fiber)).status, 502)
      }
    }),
  )
})

describe("frames that the upstream sends together with its 101", () => {
  it.live("all arrive, in order", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const fiber = yield* Effect.forkChild(connect(proxy.url))
      const peer = yield* up.accepted
      const frames = Array.from({ length: 500 }, (_, at) => serverFrame(`message ${at}`))
      peer.write(Raw.switching(yield* Raw.head(peer)), ...frames)
      const client = yield* Fiber.join(fiber)
      for (let at = 0; at < frames.length; at++) assert.strictEqual(yield* client.next, `message ${at}`)
      client.ws.terminate()
      peer.reset()
    }),
  )

  it.live("and a goodbye right behind them arrives last", () =>
    Effect.gen(function* () {
      const up = yield* Raw.listen
      const proxy = yield* proxied({ upstream: up.url })
      const fiber = yield* Effect.forkChild(connect(proxy.url))
      const peer = yield* up.accepted
      const goodbye = serverFrame(Buffer.from([0x0f, 0xa1, 0x62]), { opcode: 8 })
      peer.write(Raw.switching(yield* Raw.head(peer)), serverFrame("hello"), goodbye)
      yield* peer.frame // our answer
      peer.socket.end()
      const client = yield* Fiber.join(fiber)
      assert.strictEqual(yield* client.next, "hello")
      assert.deepStrictEqual(yield* client.closed, { code: 4001, reason: "b" })
    }),
  )
})
