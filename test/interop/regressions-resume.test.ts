import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { frame, opcode } from "./kit/frames.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import * as Raw from "./kit/raw.ts"
import { credentials, heard, resume, session, sessionsOf, talk } from "./kit/restartable.ts"

// The defects of ws-reconnect-proxy, numbered as in its description: none of them may exist here.

const noSuchSession = [404, "no such session\n"] as const

const refused = Effect.fnUntraced(function* (url: string, headers: Readonly<Record<string, string>>) {
  const { body, status } = yield* Effect.flip(connect(url, [], { headers }))
  return [status, body] as const
})

describe("regressions: a resume that finds nothing", () => {
  it.live("B4: is a 404 and no open socket, whatever was wrong with it", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, up } = yield* session()
      const { "x-reconnect-id": id, "x-resume-token": token } = credentials(client)
      for (const headers of [
        { "x-reconnect-id": "nobody" },
        { "x-reconnect-id": "nobody", "x-resume-token": "x" },
        { "x-reconnect-id": "nobody", "x-resume-token": token },
        { "x-reconnect-id": "" },
        { "x-resume-token": token },
        { "x-reconnect-id": id, "x-resume-token": "" },
      ]) {
        assert.deepStrictEqual(yield* refused(proxy.url, headers), noSuchSession)
      }
      assert.deepStrictEqual([up.dials(), sessionsOf(proxy).length], [1, 1])
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("B4: is a 404 after its session has expired, too", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session({ linger: "50 millis" })
      client.ws.terminate()
      yield* peer.closed
      assert.deepStrictEqual(yield* refused(proxy.url, credentials(client)), noSuchSession)
    }),
  )

  it.live("B4: with a bad frame behind it does no harm", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session()
      const stranger = yield* Raw.dial(proxy.address)
      const request = Raw.upgradeRequest({ headers: { "X-Reconnect-Id": "nobody" } })
      stranger.write(request, frame("x", { reserved: 0x70, opcode: 11 }))
      assert.strictEqual((yield* Raw.answer(stranger)).status, 404)
      yield* stranger.closed
      assert.deepStrictEqual(yield* talk(client, peer), heard)
    }),
  )

  it.live("B17: because it reached another instance, is a 404 at once, and the right one still has the session", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, turned, up } = yield* session()
      const other = yield* proxied({ upstream: up.url })
      client.ws.terminate()
      yield* turned("ClientAway")
      yield* peer.send("kept")
      assert.deepStrictEqual(yield* refused(other.url, credentials(client)), noSuchSession)
      const back = yield* resume(proxy.url, client)
      assert.strictEqual(yield* back.next, "kept")
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )
})

describe("regressions: a client that comes back while its old socket looks open", () => {
  it.live("B5: is not ended by the old socket, which is not heard any more", () =>
    Effect.gen(function* () {
      const { lingered, proxy, up } = yield* session({ linger: "100 millis" })
      const old = yield* Raw.dial(proxy.address)
      old.write(Raw.upgradeRequest())
      const { header } = yield* Raw.answer(old)
      const http = { headers: Object.fromEntries(["x-connection-id", "x-resume-token"].map((it) => [it, header(it)])) }
      const peer = yield* up.accepted
      old.write(frame("from the old"))
      assert.strictEqual(yield* peer.next, "from the old")

      const back = yield* connect(proxy.url, [], { headers: credentials({ http }) })
      assert.deepStrictEqual(yield* goodbye(old), { code: 4409, reason: "session taken over" })
      old.write(frame("stale"), frame("staler"))
      assert.deepStrictEqual(yield* talk(back, peer), heard)
      old.reset()
      yield* lingered
      assert.deepStrictEqual(yield* talk(back, peer), heard)
      assert.strictEqual(peer.ws.readyState, peer.ws.OPEN)
    }),
  )

  it.live("B5: is not ended by the old socket's goodbye either, also when it has vanished again itself", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, turned } = yield* session()
      client.ws.pause() // it does not see that it was replaced
      const back = yield* resume(proxy.url, client)
      assert.deepStrictEqual(yield* talk(back, peer), heard)
      back.ws.terminate()
      yield* turned("ClientAway")
      client.ws.close(1000, "done")
      client.ws.resume()
      yield* client.closed
      yield* peer.send("kept")
      const again = yield* resume(proxy.url, back)
      assert.strictEqual(yield* again.next, "kept")
      assert.deepStrictEqual(yield* talk(again, peer), heard)
    }),
  )
})

describe("regressions: somebody who knows the id of a session", () => {
  it.live("B6: does not get it without its token, and its client does not notice", () =>
    Effect.gen(function* () {
      const { client, join, peer, proxy } = yield* session({}, { "x-connection-id": "victim" })
      const attacker = yield* join({ "x-connection-id": "attacker" })
      for (const secret of [
        {},
        { "x-resume-token": "guess" },
        { "x-resume-token": credentials(attacker.client)["x-resume-token"] },
      ]) {
        const refusal = yield* refused(proxy.url, { "x-reconnect-id": "victim", ...secret })
        assert.deepStrictEqual(refusal, noSuchSession)
      }
      const { peer: own } = yield* join({ "x-connection-id": "victim" })
      yield* own.send("for somebody else")
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      assert.strictEqual(sessionsOf(proxy)[0]?.resumes, 0)
    }),
  )

  it.live("B6: does not get it with its token either, as somebody else or from somewhere else", () =>
    Effect.gen(function* () {
      const mine = { authorization: "Bearer mine", origin: "https://here.test" }
      const { client, peer, proxy } = yield* session({}, mine)
      const stolen = credentials(client)
      for (const other of [{}, { ...mine, authorization: "Bearer other" }, { ...mine, origin: "https://there.test" }]) {
        assert.deepStrictEqual(yield* refused(proxy.url, { ...stolen, ...other }), noSuchSession)
      }
      assert.deepStrictEqual(yield* talk(client, peer), heard)
      const back = yield* connect(proxy.url, [], { headers: { ...stolen, ...mine } })
      assert.deepStrictEqual(yield* talk(back, peer), heard)
    }),
  )

  it.live("B6: cannot take it without its client being told, and a used token opens nothing", () =>
    Effect.gen(function* () {
      const { client, peer, proxy } = yield* session()
      const back = yield* resume(proxy.url, client)
      assert.deepStrictEqual(yield* client.closed, { code: 4409, reason: "session taken over" })
      assert.deepStrictEqual(yield* talk(back, peer), heard)
      assert.deepStrictEqual(yield* refused(proxy.url, credentials(client)), noSuchSession)
      assert.notStrictEqual(credentials(back)["x-resume-token"], credentials(client)["x-resume-token"])
    }),
  )

  it.live("B6: does not learn its token from the upstream, the lists or the events", () =>
    Effect.gen(function* () {
      const { client, peer, proxy, turned, up } = yield* session()
      const tokens = [credentials(client)["x-resume-token"]]
      client.ws.terminate()
      yield* turned("ClientAway")
      const back = yield* resume(proxy.url, client)
      tokens.push(credentials(back)["x-resume-token"])
      peer.ws.terminate()
      const again = yield* up.accepted
      const told = [peer.http.rawHeaders, again.http.rawHeaders, proxy.rows("Session"), proxy.events(), proxy.metrics()]
      for (const token of tokens) assert.notInclude(JSON.stringify(told), token)
      assert.notProperty(again.http.headers, "x-reconnect-id")
      assert.strictEqual(again.http.headers["x-connection-id"], client.http.headers["x-connection-id"])
    }),
  )
})

describe("regressions: two clients with one id", () => {
  it.live("B7: each has a session of its own, and gets back its own, also when the other has ended", () =>
    Effect.gen(function* () {
      const same = { "x-connection-id": "same" }
      const { client, join, peer, proxy } = yield* session({}, same)
      const other = yield* join(same)
      const third = yield* join(same)
      third.client.ws.close(1000)
      yield* third.peer.closed
      for (const { client: vanishing } of [{ client }, other]) vanishing.ws.terminate()
      yield* eventually(() => sessionsOf(proxy).every(({ state }) => state === "ClientAway"))
      yield* peer.send("for the first")
      yield* other.peer.send("for the second")
      const second = yield* resume(proxy.url, other.client)
      assert.strictEqual(yield* second.next, "for the second")
      second.ws.close(1000)
      yield* other.peer.closed
      const first = yield* resume(proxy.url, client)
      assert.strictEqual(yield* first.next, "for the first")
      assert.deepStrictEqual(yield* talk(first, peer), heard)
    }),
  )
})

const goodbye = Effect.fnUntraced(function* (from: Raw.Raw) {
  while (true) {
    const { opcode: kind, payload } = yield* from.frame
    if (kind === opcode.close) return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() }
  }
})
