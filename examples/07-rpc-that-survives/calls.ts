/** The calls that client and server know. */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"

export class Calls extends RpcGroup.make(
  Rpc.make("Add", { payload: { left: Schema.Number, right: Schema.Number }, success: Schema.Number }),
  /** Answered when the example says so. */
  Rpc.make("Report", { payload: { about: Schema.String }, success: Schema.String }),
) {}
