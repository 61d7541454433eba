#!/usr/bin/env node
/**
 * The program `holdfast`: the command line of this process. Everything else is in `Cli`.
 */
import { run } from "./Cli.ts"
import { main } from "./internal/process.ts"

main(run(process.argv.slice(2)))
