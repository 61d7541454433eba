/**
 * Why nothing will dial by itself any more, though somebody may still be at it. Only a wish dials after that.
 */

/**
 * - `lastTry`: the way a connection ended; the attempt that is under way is not because of it, and goes on
 * - `tooLate`: down for longer than `giveUpAfter`
 * - `noUse`: the way a connection ended, and whoever said so knows
 */
export type Ending = "lastTry" | "tooLate" | "noUse"

/** Also whoever dials now is to stop: an attempt under way is no answer to a wish for one. */
export const stops = (ending: Ending | undefined): boolean => ending === "tooLate" || ending === "noUse"

/** A failure is not worth another try. */
export const isFinal = (ending: Ending | undefined): boolean => ending === "lastTry" || ending === "noUse"
