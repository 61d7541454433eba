/**
 * Effect's own RPC server and client with a client's socket between them, through the proxy, in the simulator: while connections are
 * cut, frozen and restarted, every call ends, with its answer or with a typed error.
 */
import * as Backoff from "@holdfast/core/Backoff"
import { Cause, Effect, Exit, Fiber, Layer, Queue, Schedule, Schema, Scope, Stream } from "effect"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import * as ClientSocket from "../../src/ClientSocket.ts"
import { Waiting } from "../../src/internal/waiting.ts"
import { common, staged } from "./clientStage.ts"
import { textOf } from "./peer.ts"
import type { Connection } from "./upstream.ts"
import { played } from "./simulated.ts"

const upTo = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))

const Blow = Schema.Union([
  Schema.TaggedStruct("Cut", { hop: Schema.Literals(["client", "upstream"]) }),
  Schema.TaggedStruct("Freeze", { hop: Schema.Literals(["client", "upstream"]) }),
  Schema.TaggedStruct("Close", { code: Schema.Literals([1000, 1001, 1011, 1012, 4000]) }),
  Schema.TaggedStruct("RestartProxy", { after: Schema.Literals([0, 100, 3000]) }),
  Schema.TaggedStruct("Away", { after: Schema.Literals([100, 3000, 20_000]) }),
])

export const Plan = Schema.Struct({
  calls: Schema.Array(
    Schema.Struct({
      wait: Schema.Literals([0, 1, 3, 200, 2000]),
      takes: Schema.Literals([0, 1, 5, 1500]),
      chunks: Schema.Literals([0, 0, 3]),
    }),
  ).check(Schema.isMinLength(5), Schema.isMaxLength(20)),
  blows: Schema.Array(Schema.Struct({ wait: Schema.Literals([0, 1, 3, 50, 1100, 4000]), blow: Blow })).check(
    Schema.isMaxLength(6),
  ),
  seed: upTo(1_000_000),
  preempt: Schema.Literals([0, 0.1, 0.4]),
})
export type Plan = typeof Plan.Type

const Rpcs = RpcGroup.make(
  Rpc.make("Double", { payload: { n: Schema.Number, takes: Schema.Number }, success: Schema.Number }),
  Rpc.make("Count", { payload: { upTo: Schema.Number, takes: Schema.Number }, success: Schema.Number, stream: true }),
)

/** What the server has been asked to do, to see that nothing is done twice. */
interface Asked {
  readonly doubled: Array<number>
}

const handlers = (asked: Asked) =>
  Rpcs.toLayer({
    Double: ({ n, takes }) =>
      Effect.andThen(
        Effect.sync(() => asked.doubled.push(n)),
        Effect.as(Effect.sleep(takes), 2 * n),
      ),
    Count: ({ takes, upTo: last }) => Stream.range(1, last).pipe(Stream.tap(() => Effect.sleep(takes))),
  })

/** The connections of the virtual server, as Effect takes them. */
const accepting = (sockets: Queue.Dequeue<Socket.Socket>) =>
  Layer.succeed(SocketServer.SocketServer, {
    address: { _tag: "UnixAddress", path: "upstream" } as never, // nobody asks
    run: (handler) =>
      Effect.forever(
        Effect.flatMap(Queue.take(sockets), (socket) => Effect.forkScoped(Effect.ignoreCause(handler(socket)))),
      ).pipe(Effect.scoped),
  })

const socketOf = ({ peer }: Connection): Socket.Socket => {
  // Queues of Effect wake their takers by the scheduler they were made with; this is made outside of any fiber.
  const news = new Waiting()
  let inbox: Array<string> = []
  peer.onMessage = (message) => {
    inbox.push(textOf(message))
    news.wake()
  }
  peer.onClose = () => news.wake()
  const pull: Socket.Reader["pull"] = Effect.suspend(() => {
    const [first, ...others] = inbox
    inbox = []
    if (first !== undefined) return Effect.succeed([first, ...others] as const)
    if (peer.ended === undefined) return Effect.andThen(news.after(news.turn), pull)
    return Effect.fail(new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: peer.ended.code }) }))
  })
  const write = (chunk: string | Uint8Array | Socket.CloseEvent) =>
    Effect.sync(() => (Socket.isCloseEvent(chunk) ? peer.close(chunk.code, chunk.reason) : peer.send(chunk)))
  return Socket.make({
    reader: Effect.succeed({ pull, upgrade: Socket.SocketUpgradeError.unsupported }),
    writer: Effect.succeed({ write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) }),
  })
}

/** The whole story; what was wrong is in the answer. */
export const story = (plan: Plan) =>
  Effect.gen(function* () {
    const wrong: Array<string> = []
    const asked: Asked = { doubled: [] }
    const { network, start, stop, upstream, world } = yield* staged({
      proxied: { uncertain: "fail", onUpstreamLoss: "close", linger: 10_000 },
    })
    const sockets = yield* Queue.unbounded<Socket.Socket>()
    upstream.behave = (connection) => void Queue.offerUnsafe(sockets, socketOf(connection))
    const server = RpcServer.layer(Rpcs).pipe(
      Layer.provide(handlers(asked)),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provide(accepting(sockets)),
      Layer.provide(RpcSerialization.layerNdjson),
    )
    const serverScope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
    yield* Layer.buildWithScope(server, serverScope)
    const protocol = RpcClient.layerProtocolSocket({ retryPolicy: Schedule.forever, pingTimeout: "30 seconds" }).pipe(
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.provide(
        ClientSocket.layer({
          ...common,
          backoff: Backoff.full(),
          heartbeat: "3 seconds",
          heartbeatTimeout: "2 seconds",
        }),
      ),
      Layer.provide(world),
    )
    const clientScope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
    const context = yield* Layer.buildWithScope(protocol, clientScope)
    const client = yield* RpcClient.make(Rpcs).pipe(Effect.provideContext(context), Scope.provide(clientScope))

    let answered = 0
    const judged = (n: number, call: Effect.Effect<boolean, unknown>) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.timeoutOption(call, "2 minutes"))
        if (Exit.isSuccess(exit)) {
          if (exit.value._tag === "None") wrong.push(`call ${n} hangs`)
          else if (!exit.value.value) wrong.push(`call ${n} has another answer`)
          else answered++
        } else if (Cause.hasDies(exit.cause)) wrong.push(`call ${n} dies: ${Cause.pretty(exit.cause)}`)
      })
    const calls = Effect.gen(function* () {
      const fibers: Array<Fiber.Fiber<void>> = []
      for (const [at, { chunks, takes, wait }] of plan.calls.entries()) {
        yield* Effect.sleep(wait)
        const n = at + 1
        const call =
          chunks === 0
            ? Effect.map(client.Double({ n, takes }), (twice) => twice === 2 * n)
            : Effect.map(Stream.runCollect(client.Count({ upTo: chunks, takes })), (all) => all.join() === "1,2,3")
        fibers.push(yield* Effect.forkChild(judged(n, call)))
      }
      yield* Fiber.joinAll(fibers)
    })
    const blows = Effect.gen(function* () {
      for (const { blow, wait } of plan.blows) {
        yield* Effect.sleep(wait)
        switch (blow._tag) {
          case "Cut":
            network.wires[blow.hop].at(-1)?.cut()
            break
          case "Freeze":
            network.wires[blow.hop].at(-1)?.freeze()
            break
          case "Close":
            for (const { peer } of upstream.open) peer.close(blow.code, "closed")
            break
          case "RestartProxy":
            yield* stop
            yield* Effect.sleep(blow.after)
            yield* start
            break
          case "Away":
            upstream.down()
            upstream.killAll()
            yield* Effect.sleep(blow.after)
            upstream.up()
        }
      }
    })
    yield* Effect.all([calls, blows], { concurrency: "unbounded" })
    if (plan.blows.length === 0 && answered < plan.calls.length) wrong.push("a call failed although nothing happened")
    const again = yield* client
      .Double({ n: -1, takes: 0 })
      .pipe(Effect.retry(Schedule.spaced("1 second")), Effect.timeoutOption("1 minute"))
    if (again._tag === "None") wrong.push("it does not work again")
    const once = asked.doubled.filter((n) => n > 0)
    if (new Set(once).size < once.length) wrong.push("a call was made twice")
    yield* Scope.close(clientScope, Exit.void)
    yield* Scope.close(serverScope, Exit.void)
    yield* stop
    yield* Effect.sleep("1 minute")
    return wrong
  })

/** Runs it once. */
export const run = (plan: Plan): ReadonlyArray<string> =>
  played(story(plan), { seed: plan.seed, preempt: plan.preempt, maxSteps: 4_000_000 })
