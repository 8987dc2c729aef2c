/** An action that the adapters of this folder need. */
export interface Permission {
  /** As a policy names it. */
  readonly action: string;
  /** What it is allowed on: the parameters, the key they are sealed under, or the master key. */
  readonly on: 'parameter' | 'parameter key' | 'master key';
  readonly why: string;
}

/**
 * Everything that the adapters of AWS may have to do, and nothing else. `docs/aws.md` is made from it, and a test compares
 * it with the calls in the source. What is allowed on the parameters' key is used by Parameter Store on our behalf.
 */
export const permissions: readonly Permission[] = [
  { action: 'ssm:GetParameter', on: 'parameter', why: 'reads a version by its number or label, or a bare name' },
  {
    action: 'ssm:GetParameterHistory',
    on: 'parameter',
    why: 'finds its own versions again, and reads where labels are',
  },
  {
    action: 'ssm:PutParameter',
    on: 'parameter',
    why: 'puts the pending version, once a rotation; a bare name at its promotion',
  },
  { action: 'ssm:LabelParameterVersion', on: 'parameter', why: 'moves `pending`, `current` and `previous`' },
  { action: 'ssm:UnlabelParameterVersion', on: 'parameter', why: 'takes `pending` off what was promoted or retired' },
  { action: 'kms:Encrypt', on: 'parameter key', why: 'a put of the standard tier' },
  { action: 'kms:GenerateDataKey', on: 'parameter key', why: 'a put of the advanced tier' },
  { action: 'kms:Decrypt', on: 'parameter key', why: 'a read' },
  { action: 'kms:GenerateDataKey', on: 'master key', why: 'seals a value, only where `keyring` names a key of KMS' },
  { action: 'kms:Decrypt', on: 'master key', why: 'opens it again' },
];

/** What a policy is written for. */
export interface PolicySubject {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** The path that every secret of the environment is below: `/prod`. */
  readonly path: string;
  readonly environment: string;
}

/** The policy of the role of a worker, of one environment: nothing beside {@link permissions}. */
export function workerPolicy({ partition, region, account, path, environment }: PolicySubject): object {
  const parameters = `arn:${partition}:ssm:${region}:${account}:parameter${path}/*`;
  const key = (name: string): string => `arn:${partition}:kms:${region}:${account}:key/${name}`;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Parameters', Effect: 'Allow', Action: actionsOn('parameter'), Resource: parameters },
      {
        Sid: 'ParameterKey',
        Effect: 'Allow',
        Action: actionsOn('parameter key'),
        Resource: key('PARAMETER-KEY-ID'),
        Condition: {
          StringEquals: { 'kms:ViaService': `ssm.${region}.amazonaws.com` },
          StringLike: { 'kms:EncryptionContext:PARAMETER_ARN': parameters },
        },
      },
      {
        Sid: 'MasterKey',
        Effect: 'Allow',
        Action: actionsOn('master key'),
        Resource: key('MASTER-KEY-ID'),
        Condition: { StringEquals: { 'kms:EncryptionContext:environment': [environment, 'keyturn'] } },
      },
    ],
  };
}

/** The policy of an application that reads secrets below a path, with the key they are sealed under. */
export function readerPolicy({ partition, region, account, path }: PolicySubject): object {
  const parameters = `arn:${partition}:ssm:${region}:${account}:parameter${path}/*`;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Parameters', Effect: 'Allow', Action: ['ssm:GetParameter'], Resource: parameters },
      {
        Sid: 'ParameterKey',
        Effect: 'Allow',
        Action: ['kms:Decrypt'],
        Resource: `arn:${partition}:kms:${region}:${account}:key/PARAMETER-KEY-ID`,
        Condition: {
          StringEquals: { 'kms:ViaService': `ssm.${region}.amazonaws.com` },
          StringLike: { 'kms:EncryptionContext:PARAMETER_ARN': parameters },
        },
      },
    ],
  };
}

function actionsOn(what: Permission['on']): readonly string[] {
  return permissions.filter(({ on }) => on === what).map(({ action }) => action);
}
