import * as Context from "effect/Context"

/** How many milliseconds a caller waits for a link that is down; 0 is fail-fast. Set by `Link.waitForReady`. */
export const Patience = Context.Reference<number>("@holdfast/core/internal/Patience", { defaultValue: () => 0 })
