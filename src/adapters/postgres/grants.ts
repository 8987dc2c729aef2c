/**
 * What the role of a worker may do, as one script.
 *
 * Everything written once is only inserted: not even a worker that was taken over can change the journal, the audit
 * trail, a decision, a command or a waiver. It may delete sealed values, challenges, which are of no use after a minute, and instances that are gone.
 */
export function grants(quotedRole: string): string {
  return `
    GRANT USAGE ON SCHEMA keyturn TO ${quotedRole};
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA keyturn TO ${quotedRole};
    REVOKE UPDATE ON keyturn.journal, keyturn.audit, keyturn.decisions, keyturn.commands, keyturn.waivers,
      keyturn.keyring, keyturn.versions, keyturn.label_moves, keyturn.accesses, keyturn.delivery_attempts FROM ${quotedRole};
    REVOKE INSERT, UPDATE ON keyturn.migrations FROM ${quotedRole};
    REVOKE INSERT ON keyturn.installation FROM ${quotedRole};
    GRANT DELETE ON keyturn.sealed_values, keyturn.challenges, keyturn.consumer_instances TO ${quotedRole};
    GRANT USAGE, SELECT ON SEQUENCE keyturn.epoch_seq TO ${quotedRole};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA keyturn TO ${quotedRole};
  `;
}
