/**
 * Sessions with one client each, which may come back: by its token, or under `compat` by its id alone.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Effect from "effect/Effect"
import type { Upgrade } from "../Acceptor.ts"
import type { Transport } from "../Transport.ts"
import * as Answers from "./answers.ts"
import * as CloseCode from "./closeCode.ts"
import { bindingOf, type Entry } from "./entry.ts"
import * as HeaderRules from "./headers.ts"
import type { Session } from "./session.ts"

/** Lets clients in: back into their session, or into a new one. */
export const make = <R>(entry: Entry<R>, { resumable }: { readonly resumable: boolean }) => {
  const { accept, authorize, fresh, refuse, room, rules, sessions, speaks, tokens } = entry

  const find = ({ headers }: Upgrade): Session | undefined => {
    const id = headers[HeaderRules.reconnectId]
    if (!resumable || id === undefined) return undefined
    const byToken = sessions.tokens.find(headers[HeaderRules.resumeToken])
    if (byToken !== undefined) return byToken.id === id || byToken.name === id ? byToken : undefined
    return rules.compat ? sessions.named(id) : undefined
  }

  const back = Effect.fnUntraced(function* (upgrade: Upgrade, session: Session) {
    const principal = yield* authorize(upgrade)
    const token = tokens()
    // Once more: what it showed may be worth nothing by now.
    if (find(upgrade) !== session || session.binding !== bindingOf(principal, upgrade)) {
      return yield* refuse(upgrade, Answers.notFound)
    }
    yield* speaks(upgrade, session)
    const turn = sessions.tokens.rotate(session, upgrade.headers[HeaderRules.resumeToken], token)
    const answer = { [HeaderRules.connectionId]: session.id, [HeaderRules.resumeToken]: token }
    const enter = (client: Transport, released: () => void) => {
      const resumed = session.rejoin(client, released, turn)
      if (resumed) sessions.resumed()
      return resumed
    }
    const late = () => (session.isClosing ? CloseCode.sessionOver : CloseCode.takenOver)
    yield* accept(upgrade, session, answer, enter, late)
  })

  const newcomer = Effect.fnUntraced(function* (upgrade: Upgrade) {
    yield* room
    const asked = upgrade.headers[HeaderRules.connectionId]
    const chosen = HeaderRules.acceptableId(asked)
    if (rules.compat && asked !== undefined && chosen === undefined) return yield* Effect.fail(Answers.badId)
    const id = chosen ?? (yield* Entropy.id(16))
    const named = rules.compat && chosen !== undefined
    const principal = yield* authorize(upgrade)
    const enter = fresh(upgrade, { id, principal }, { token: resumable, named })
    yield* named ? sessions.reserving(id, enter, refuse(upgrade, Answers.inUse)) : enter
  })

  return (upgrade: Upgrade) => {
    const { headers } = upgrade
    if (headers[HeaderRules.reconnectId] === undefined && headers[HeaderRules.resumeToken] === undefined) {
      return newcomer(upgrade)
    }
    // Where an id alone opens a session it could be guessed.
    if (rules.compat && sessions.isThrottled(upgrade.remote)) return Effect.fail(Answers.tooOften)
    const session = find(upgrade)
    return session === undefined ? refuse(upgrade, Answers.notFound) : back(upgrade, session)
  }
}
