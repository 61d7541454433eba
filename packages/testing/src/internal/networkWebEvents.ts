/**
 * The events that browsers' WebSockets have, made of those `ws` emits.
 */

/** What listeners get; which fields are there depends on the type. */
export interface Web {
  readonly type: string
  readonly target: object
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  readonly wasClean?: boolean
  readonly error?: unknown
  readonly message?: string
}

/** The event that stands for what was emitted. */
export const eventOf = (target: object, type: string, args: ReadonlyArray<unknown>): Web => {
  const [first, second] = args
  switch (type) {
    case "message":
      return { type, target, data: second === true ? first : String(first) }
    case "close":
      return { type, target, code: Number(first), reason: String(second), wasClean: first !== 1006 }
    case "error":
      return { type, target, error: first, message: first instanceof Error ? first.message : "" }
    default:
      return { type, target }
  }
}
