/**
 * What went through, in plain numbers that are read at the scrape.
 */

/** One direction, over all sessions of a proxy. */
export interface Traffic {
  /** Received. */
  messages: number
  bytes: number
  /** Sent on, once or more. */
  sent: number
  /** Received and never sent on, because nobody came for it. */
  lost: number
  heldMessages: number
  heldBytes: number
  /** Sent and not confirmed when the connection was lost. */
  readonly uncertain: { dropped: number; replayed: number; failed: number }
}

export const none = (): Traffic => ({
  messages: 0,
  bytes: 0,
  sent: 0,
  lost: 0,
  heldMessages: 0,
  heldBytes: 0,
  uncertain: { dropped: 0, replayed: 0, failed: 0 },
})
