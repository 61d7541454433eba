/**
 * The property that all clients are held to: what a client promises, whatever happens to its connection.
 */
import { Check, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { Effect, Schedule } from "effect"
import type { Bug } from "./bugs.ts"
import * as Client from "./client.ts"
import { serve } from "./server.ts"

const up = { sent: "send", received: "received" }
const down = { sent: "push", received: "pushed" }
const schedule = Schedule.min([Schedule.exponential(Client.delay(0)), Schedule.spaced(Client.delay(99))])

/** A connection that was stable and broke is followed by a dial without much ado. */
const forgives: Check.Check = {
  name: "a stable connection starts the backoff anew",
  judge: (rows) => {
    const mine = rows.filter(({ host, kind }) => host === "client" && kind === "net")
    return mine.filter((row, index) => {
      const [before, dial] = [mine[index - 1], mine[index + 1]]
      const isStable = before?.op === "connect" && before.key === row.key && row.at - before.at >= 2 * Client.stable
      return row.op === "close" && isStable && dial !== undefined && dial.at - row.at > 2 * Client.delay(0)
    })
  },
}

/** What may happen, and what must hold. */
export const options: Sim.Options = {
  faults: { on: ["client-server"], within: "20 seconds", atMost: 5 },
  check: [
    Check.noLoss(up),
    Check.noDuplicate(up),
    Check.inOrder(up),
    Check.noLoss(down),
    Check.noDuplicate(down),
    Check.inOrder(down),
    Check.bounded({ messages: Client.room }),
    Check.backoff(schedule, { stableAfter: Client.stable }),
    forgives,
    Check.oneDial,
    Check.closeCodes({ sent: "goodbye", received: "heard" }),
    Check.recovers({ within: "30 seconds" }),
    Check.quiet,
    Check.noHalfOpen({ within: "7 seconds" }),
    Check.sometimes(
      "it comes back",
      (rows) => rows.filter(({ kind, op }) => kind === "net" && op === "dial").length > 1,
    ),
  ],
  atMost: "3 minutes",
}

/** Twelve messages each way while faults happen; then all must arrive, and the server says goodbye. */
export const program = (bug: Bug | undefined) =>
  Effect.gen(function* () {
    const network = yield* VirtualNetwork.VirtualNetwork
    const host = network.host("client")
    const server = yield* serve(network.host("server"))
    const soon = Effect.timeout("40 seconds")
    yield* Effect.gen(function* () {
      const client = yield* Client.make(host.webSocket, bug)
      const messages = Array.from({ length: 12 }, (_, n) => `${n + 1}`)
      const sends = Effect.forEach(messages, (id, n) =>
        client.send(id).pipe(History.attempt("send", id), Effect.delay(n % 6 === 0 ? "4 seconds" : 0)),
      )
      const pushes = Effect.forEach(messages, (id) => Effect.delay(server.push(id), "1 second"))
      yield* Effect.all([sends, pushes], { concurrency: "unbounded" })
      yield* Sim.healed
      yield* client.send("last").pipe(History.attempt("send", "last"), soon)
      yield* soon(client.flushed)
      yield* server.push("last")
      yield* Effect.sleep("5 seconds")
      yield* server.goodbye(4001, "closing time")
      yield* History.seen("heard", "client", { ...(yield* soon(client.over)) })
    }).pipe(Effect.scoped, host.run)
  })

/** Looks for what is wrong with a client. */
export const hunt = (bug: Bug | undefined, more: Pick<Sim.Options, "runs" | "seed" | "time">): Sim.Report =>
  Sim.explore({ ...options, ...more }, program(bug))
