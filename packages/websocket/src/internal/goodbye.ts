/**
 * The end of one connection of a session: what waits for it goes first, for as long as it moves at all.
 */
import * as Effect from "effect/Effect"
import type * as CloseCode from "./closeCode.ts"
import type { Flow } from "./flow.ts"
import type { Hop } from "./hop.ts"
import * as Patience from "./patience.ts"

export interface Options {
  readonly flow: Flow
  readonly hop: Hop
  readonly goodbye: CloseCode.Goodbye
  /** `"now"`: what waits in the proxy is lost; what is in the socket goes first all the same. */
  readonly when: "handed" | "now"
}

/** Completes when the connection has ended. */
export const say = Effect.fnUntraced(function* ({ flow, goodbye, hop, when }: Options) {
  const { outlet, transport } = hop
  if (when === "handed") {
    const handed = Effect.callback<void>((resume) => flow.whenHanded(outlet, () => resume(Effect.void)))
    const left = () => flow.heldMessages + flow.heldBytes + transport.unsentBytes()
    if (!(yield* Patience.whileMoving(handed, left))) return transport.cut()
  }
  flow.retire(outlet)
  yield* transport.close(goodbye.code, goodbye.reason)
})
