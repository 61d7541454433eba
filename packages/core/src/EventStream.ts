/**
 * The events of the hub in scope as a `Stream`. Apart from `Events` because Streams are heavy and the browser's path must not carry them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Entry, Events } from "./Events.ts"

/**
 * What the hub remembers after the entry with that id, then what happens, for ever. Default: everything it remembers.
 * A reader slower than the events costs no memory and gets a `Lagged` entry with the number it missed.
 */
export const entries = (after = 0): Stream.Stream<Entry> =>
  Stream.paginate(after, (last) =>
    Effect.gen(function* () {
      const events = yield* Events
      const batch = yield* events.after(last)
      return [batch, Option.some(batch.at(-1)?.id ?? last)] as const
    }),
  )
