export declare const marker: string;
export declare function plantCanary(): void;
export declare function liftCanary(): void;
export declare const tallyVariable: string;
export declare function canary(): string;
export declare function canaryTally(): Readonly<Record<string, string>>;
