/**
 * Upstreams that stay while clients come and go: one for everybody, or one per connection id.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Effect from "effect/Effect"
import type { Upgrade } from "../Acceptor.ts"
import * as Answers from "./answers.ts"
import { bindingOf, type Entry } from "./entry.ts"
import * as HeaderRules from "./headers.ts"
import type { Session } from "./session.ts"
import * as Target from "./target.ts"

/** Everybody joins the one session, which is there from the start. */
export const shared = Effect.fnUntraced(function* <R>(entry: Entry<R>) {
  const session = yield* entry.lasting
  return Effect.fnUntraced(function* (upgrade: Upgrade) {
    if (!["/", entry.basePath].includes(Target.pathOf(upgrade.path))) return yield* Effect.fail(Answers.otherPath)
    yield* entry.place // whoever comes may take what the memory is full of
    yield* entry.authorize(upgrade)
    yield* join(entry, upgrade, session, {})
  })
})

/** The first client of an id dials, later ones join it if they show its token, or are trusted. */
export const perConnection = <R>(entry: Entry<R>, { trusted }: { readonly trusted: boolean }) => {
  const { authorize, fresh, refuse, room, sessions } = entry

  return Effect.fnUntraced(function* (upgrade: Upgrade) {
    const { headers } = upgrade
    const token = headers[HeaderRules.resumeToken]
    const returning = headers[HeaderRules.reconnectId]
    const chosen = returning ?? HeaderRules.acceptableId(headers[HeaderRules.connectionId])
    const id = chosen ?? (yield* Entropy.id(16))
    const notFound = refuse(upgrade, Answers.notFound)
    yield* room
    const principal = yield* authorize(upgrade)
    if (trusted) yield* sessions.decided(id) // whoever may join without a token waits for the one who dials
    const session = sessions.named(id)
    if (session === undefined) {
      if (token !== undefined || returning !== undefined) return yield* notFound
      const enter = fresh(upgrade, { id, principal }, { token: true, named: true })
      return yield* sessions.reserving(id, enter, notFound)
    }
    const known = trusted ? session.principal === principal : session.binding === bindingOf(principal, upgrade)
    const shown = sessions.tokens.find(token) === session ? token : undefined
    if (!known || !(trusted || shown !== undefined)) return yield* notFound
    yield* join(entry, upgrade, session, {
      [HeaderRules.connectionId]: id,
      ...(shown === undefined ? {} : { [HeaderRules.resumeToken]: shown }),
    })
  })
}

const join = Effect.fnUntraced(function* <R>(
  entry: Entry<R>,
  upgrade: Upgrade,
  session: Session,
  headers: Record<string, string>,
) {
  yield* entry.speaks(upgrade, session)
  if (session.isClosing) return yield* Effect.fail(Answers.notFound)
  yield* entry.accept(upgrade, session, headers, (client, released) => session.join(client, released))
})
