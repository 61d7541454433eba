export * as History from "./History.ts"
export * as Sim from "./Sim.ts"
