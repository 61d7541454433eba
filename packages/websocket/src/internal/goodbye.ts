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
  Effect.timeoutOrElse(polite(options), {
    duration: atMost,
    orElse: () => Effect.sync(() => options.hop.transport.cut()),
  })

const polite = Effect.fnUntraced(function* ({ flow, goodbye, hop, when }: Options) {
  const { outlet, transport } = hop
  if (when === "handed") {
    const handed = Effect.callback<void>((resume) => flow.whenHanded(outlet, () => resume(Effect.void)))
    const left = () => flow.heldMessages + flow.heldBytes + transport.unsentBytes()
    if (!(yield* Patience.whileMoving(handed, left))) return transport.cut()
  }
  flow.retire(outlet)
  hop.dismiss()
  yield* transport.close(goodbye.code, goodbye.reason)
})
