/**
 * What a replay was written by. Runs of one seed are only the same under the same two versions; a plan is a plan under any.
 */
import * as Version from "effect/Version"

/** The version in the manifest; a test compares them. */
export const own = "0.1.0"

/** Ours, and Effect's. */
export const version = (): string => `${own} with effect ${Version.getCurrentVersion()}`
