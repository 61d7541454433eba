/**
 * Something to dial, that writes down when it was dialled and closed.
 */
import type { Link } from "@holdfast/core"
import { Clock, type Duration, Effect } from "effect"

export interface PeerOptions {
  /** So many dials fail first. */
  readonly fail?: number
  /** How long a dial takes. */
  readonly takes?: Duration.Input
}

export const peer = ({ fail = 0, takes = 0 }: PeerOptions = {}) => {
  const log: Array<string> = []
  const ends = new Map<number, Parameters<Link.OnLost<number>>[1]>()
  let dials = 0
  const note = (what: string, id: number) =>
    Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${what} ${id} @${now}`))
  const connect = Effect.suspend(() => {
    const id = ++dials
    const wait = Effect.sleep(takes)
    return id <= fail
      ? Effect.andThen(note("fail", id), Effect.andThen(wait, Effect.fail("refused" as const)))
      : Effect.acquireRelease(Effect.as(note("dial", id), id), () => note("close", id)).pipe(Effect.tap(() => wait))
  })
  const lost: Link.OnLost<number> = (id, gone) => void ends.set(id, gone)
  const lose = (id: number, why: string, again?: boolean) => ends.get(id)?.(why, undefined, again)
  return { connect, lost, log, lose }
}
