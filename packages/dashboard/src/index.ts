export * as AdminApi from "./AdminApi.ts"
export * as Dashboard from "./Dashboard.ts"
export * as HealthRoutes from "./HealthRoutes.ts"
export * as Prometheus from "./Prometheus.ts"
