// A dashboard as Grafana's own types have it. They leave open what a data source adds; what Prometheus adds to a mark is said here.
import type { AnnotationQuery, Dashboard, DataQuery } from '@grafana/schema';

type Query = DataQuery & { expr: string; interval: string };
type Mark = AnnotationQuery<Query> & { titleFormat: string; useValueForTime: boolean };
export type Board = Omit<Dashboard, 'annotations'> & { annotations: { list: Mark[] } };
