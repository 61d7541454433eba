/**
 * The end of one connection of a session: what waits for it goes first, for as long as it moves at all.
 */
import * as Effect from "effect/Effect"
import type * as CloseCode from "./closeCode.ts"
import type { Flow } from "./flow.ts"
import type { Hop } from "./hop.ts"
import * as Patience from "./patience.ts"

/** A side that is in the way gets so many milliseconds. */
export const soon = 2000

/** However it moves, it is cut then. */
const atMost = "1 minute"

export interface Options {
  readonly flow: Flow
  readonly hop: Hop
  readonly goodbye: CloseCode.Goodbye
  /** `"now"`: what waits in the proxy is lost; what is in the socket goes first all the same. */
  readonly when: "handed" | "now"
}

/** Completes when the connection has ended. */
export const say = (options: Options): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { flow, hop, when } = options
    if (when === "handed" && left(options) > 0) return politely(options)
    flow.retire(hop.outlet)
    return hop.transport.unsentBytes() === 0 ? goodbye(options) : inTime(goodbye(options), hop)
  })

const politely = (options: Options) => {
  const { flow, hop } = options
  const handed = Effect.callback<void>((resume) => flow.whenHanded(hop.outlet, () => resume(Effect.void)))
  const first = Effect.flatMap(
    Patience.whileMoving(handed, () => left(options)),
    (moved) => {
      if (!moved) return Effect.sync(() => hop.transport.cut())
      flow.retire(hop.outlet)
      return goodbye(options)
    },
  )
  return inTime(first, hop)
}

const left = ({ flow, hop }: Options): number => flow.heldMessages + flow.heldBytes + hop.transport.unsentBytes()

const goodbye = ({ goodbye: { code, reason }, hop }: Options) => {
  hop.dismiss()
  return hop.transport.close(code, reason)
}

const inTime = (effect: Effect.Effect<void>, { transport }: Hop): Effect.Effect<void> =>
  Effect.timeoutOrElse(effect, { duration: atMost, orElse: () => Effect.sync(() => transport.cut()) })
