/**
 * What may happen to a whole proxy: how it is set up, how its networks behave, and who does what when. Pure data that shrinks.
 */
import { Schema } from "effect"

const Hop = Schema.Literals(["client", "upstream"])
export type Hop = typeof Hop.Type

const Path = Schema.Struct({
  latency: Schema.Literals([1, 0, 7]),
  window: Schema.Literals([65_536, 5000, 600]),
  bandwidth: Schema.Literals([1e9, 1000]),
  readAhead: Schema.Literals([65_536, 100, 0]),
  resets: Schema.Boolean,
})

const Say = Schema.TaggedStruct("Say", {
  by: Hop,
  count: Schema.Literals([1, 3, 10, 70]),
  size: Schema.Literals([16, 100, 700, 3000]),
})
const Cut = Schema.TaggedStruct("Cut", {
  hop: Hop,
  proxy: Schema.Literals([0, 3, 200]),
  peer: Schema.Literals([0, 3, 200]),
})
const Back = Schema.TaggedStruct("Back", {
  token: Schema.Literals(["right", "right", "right", "previous", "oldest", "wrong", "malformed", "another's"]),
  id: Schema.Literals(["right", "right", "right", "wrong"]),
  times: Schema.Literals([1, 1, 2, 3]),
})

/** How the next dials of the session end. */
const Reply = Schema.Literals(["slow", "refused", "401", "503", "503 in 1 s", "silence", "another protocol"])
export type Reply = typeof Reply.Type

const Deed = Schema.Union([
  Say,
  Say,
  Say,
  Say,
  Cut,
  Cut,
  Back,
  Back,
  Schema.TaggedStruct("Freeze", { hop: Hop, way: Schema.Literals(["both", "up", "down"]) }),
  Schema.TaggedStruct("Stall", { hop: Hop, way: Schema.Literals(["both", "up", "down"]) }),
  Schema.TaggedStruct("Thaw", { hop: Hop }),
  Schema.TaggedStruct("Slow", { hop: Hop }),
  Schema.TaggedStruct("Read", { hop: Hop }),
  /** 1006 vanishes, 1005 has no code. */
  Schema.TaggedStruct("Close", { by: Hop, code: Schema.Literals([1001, 1006, 1012, 1000, 1005, 4001]) }),
  Schema.TaggedStruct("Flood", { by: Hop, count: Schema.Literals([20, 60]) }),
  Schema.TaggedStruct("Garbage", { by: Hop }),
  Schema.TaggedStruct("Server", { up: Schema.Boolean }),
  /** They are heard at once: the upstream is cut. */
  Schema.TaggedStruct("Replies", { replies: Schema.Array(Reply).check(Schema.isMinLength(1), Schema.isMaxLength(3)) }),
  Schema.TaggedStruct("Fresh", {}),
  Schema.TaggedStruct("Shutdown", {}),
])
export type Deed = typeof Deed.Type

/** Milliseconds since the deed before. */
const wait = Schema.Literals([0, 0, 2, 10, 60, 300, 1200])

export const Plan = Schema.Struct({
  uncertain: Schema.Literals(["drop", "replay", "fail"]),
  onUpstreamLoss: Schema.Literals(["reconnect", "reconnect", "reconnect", "close"]),
  bufferMessages: Schema.Literals([64, 16, 4]),
  bufferBytes: Schema.Literals([1_000_000, 5000, 500]),
  memory: Schema.Literals([1e9, 1e9, 20_000]),
  linger: Schema.Literals([60_000, 1500, 200]),
  heartbeat: Schema.Literals([15_000, 300]),
  heartbeatTimeout: Schema.Literals([10_000, 200]),
  stallTimeout: Schema.Literals([20_000, 400]),
  retryBudget: Schema.Literals([30_000, 600]),
  drainTimeout: Schema.Literals([1000, 300]),
  /** The upstream's first message comes so late; `null`: no gate. `Infinity` for reconnected ones only. */
  gate: Schema.NullOr(Schema.Literals([0, 40, 2000])),
  /** The client asks for the gate's message. */
  replayId: Schema.Boolean,
  protocols: Schema.Boolean,
  client: Path,
  upstream: Path,
  /** Clients come back by themselves after so long. */
  comeback: Schema.NullOr(Schema.Literals([3, 100, 500])),
  deeds: Schema.Array(Schema.Struct({ wait, deed: Deed })).check(Schema.isMinLength(3), Schema.isMaxLength(22)),
  ending: Schema.Literals(["client closes", "upstream closes", "proxy closes"]),
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
  preempt: Schema.Literals([0, 0.1, 0.4]),
})
export type Plan = typeof Plan.Type & {
  /** Default `"session"`. */
  readonly mode?: "session" | "sender" | "receiver" | "perConnection"
}
