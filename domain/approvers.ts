/** People who may decide, under a name that policies use in `approval.of`. */
export interface Approvers {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  /** Actors as the audit names them, without `user:`. */
  members: string[];
}
