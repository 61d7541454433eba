/**
 * A chat over the real client of `@holdfast/websocket`, on a network that exists only in a simulation. The server forgets nothing, so what a
 * client sends and is told it was sent has to arrive, once and in order; whatever may be missing has to be told.
 */
import { Connectivity } from "@holdfast/core"
import { Check, History, Sim, VirtualNetwork } from "@holdfast/testing"
import { Client } from "@holdfast/websocket"
import * as DialerSocket from "@holdfast/websocket/DialerSocket"
import { Console, Effect, Stream } from "effect"

/** Five messages while connections break; then, with all well again, one more that must arrive. */
const chat = (uncertain: "drop" | "replay") =>
  Effect.gen(function* () {
    const network = yield* VirtualNetwork.VirtualNetwork
    const here = network.host("client")
    const server = network.host("server")
    const { seen } = yield* server.run(History.writer)
    yield* server.onWebSocket(80, (socket) => socket.on("message", (data) => seen("receive", String(data))))

    yield* Effect.gen(function* () {
      const client = yield* Client.make({ url: "ws://server", uncertain })
      yield* Connectivity.changes(client).pipe(
        Stream.runForEach((state) => History.state("link", "chat", typeof state === "string" ? state : state.now)),
        Effect.forkScoped,
      )
      for (const n of [1, 2, 3, 4, 5]) {
        yield* Effect.sleep("2 seconds")
        yield* client.send(`${n}`).pipe(History.attempt("send", n))
      }
      yield* Sim.healed
      yield* Connectivity.waitFor(client, "Ready")
      yield* client.send("last").pipe(History.attempt("send", "last"))
      yield* Effect.sleep("1 minute") // silence is noticed after 25 seconds at most
    }).pipe(Effect.scoped, Effect.provide(DialerSocket.layer(here.webSocket)), here.run)
  })

const ends = { sent: "send", received: "receive" }
const always = [
  Check.inOrder(ends),
  Check.oneDial,
  Check.legalStates,
  Check.quiet,
  Check.recovers({ within: "30 seconds" }),
  Check.sometimes("it comes back", (rows) => rows.filter(({ op }) => op === "dial").length > 1),
]
const explore = (uncertain: "drop" | "replay", check: Check.Check) =>
  Sim.explore(
    {
      faults: { on: ["client-server", "server"], within: "12 seconds" },
      check: [...always, check],
      runs: 300,
      seed: 0,
    },
    chat(uncertain),
  )

const tell = (title: string, report: Sim.Report) =>
  Console.log(
    report._tag === "Failed"
      ? [title, `  no: ${report.broken.map(({ check }) => check).join(", ")}`, report.timeline].join("\n")
      : `${title}\n  ${report._tag}, ${report.runs} plans`,
  )

export const program = Effect.gen(function* () {
  yield* tell("uncertain messages are dropped: is nothing sent twice?", explore("drop", Check.noDuplicate(ends)))
  yield* tell("uncertain messages are sent again: is nothing lost?", explore("replay", Check.noLoss(ends)))
  yield* tell("uncertain messages are sent again: is nothing sent twice?", explore("replay", Check.noDuplicate(ends)))
})
