/**
 * A fault proxy between plain TCP peers.
 */
import { randomBytes } from "node:crypto"
import { Fault, type FaultPlan } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import { Duration, Effect } from "effect"
import { eventually } from "./eventually.ts"
import * as Raw from "./raw.ts"

/** A server, the proxy in front of it, and connections through both. */
export const faulty = Effect.fnUntraced(function* (options: Partial<FaultProxy.Options> = {}) {
  const server = yield* Raw.listen
  const proxy = yield* FaultProxy.make({ upstream: `127.0.0.1:${server.port}`, ...options })
  return {
    ...proxy,
    server,
    /** In the short form of the command line. */
    fault: (text: string, options?: FaultProxy.InjectOptions) => proxy.inject(Fault.parse(text), options),
    dial: Raw.dial(proxy.address),
    /** Both ends of a connection. */
    join: Effect.gen(function* () {
      const client = yield* Raw.dial(proxy.address)
      return { client, peer: yield* server.accepted }
    }),
    /** Nothing is left open. */
    empty: Effect.gen(function* () {
      let open = yield* proxy.open
      yield* eventually(() => {
        open = Effect.runSync(proxy.open)
        return open === 0
      })
    }),
  }
})

/** The next so many bytes as text. */
export const text = (raw: Raw.Raw, length: number) => Effect.map(bytes(raw, length), String)

/** The next so many bytes. */
export const bytes = (raw: Raw.Raw, length: number) =>
  raw.read((bytes) => (bytes.length < length ? undefined : [Buffer.from(bytes.subarray(0, length)), length]))

/** The next so many bytes, however many: whatever else listens hears them no more. */
export const flood = (raw: Raw.Raw, length: number) =>
  Effect.callback<Buffer>((resume) => {
    const parts: Array<Buffer> = []
    let left = length
    raw.socket.removeAllListeners("data").on("data", (part: Buffer) => {
      parts.push(part)
      left -= part.length
      if (left <= 0) resume(Effect.succeed(Buffer.concat(parts)))
    })
  })

/** Whether it works, both ways. */
export const works = Effect.fnUntraced(function* ({ client, peer }: { client: Raw.Raw; peer: Raw.Raw }) {
  const word = randomBytes(4).toString("hex")
  client.write(word)
  if ((yield* text(peer, 8)) !== word) return false
  peer.write(word)
  return (yield* text(client, 8)) === word
})

/** How it ended, or that it is connected, whichever comes first. */
export const settled = (raw: Raw.Raw) =>
  Effect.raceFirst(
    raw.closed,
    Effect.callback<string>((resume) => void raw.socket.once("connect", () => resume(Effect.succeed("connected")))),
  )

/** Milliseconds that it took, by Effect's clock. */
export const took = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([time]) => Duration.toMillis(time))

/** A plan that is over after so long. */
export const plan = (healAt: Fault.Time, ...faults: ReadonlyArray<FaultPlan.Entry>): FaultPlan.FaultPlan => ({
  seed: 1,
  faults,
  healAt,
})
