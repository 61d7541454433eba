export * as Sim from "./Sim.ts"
