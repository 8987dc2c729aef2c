export declare const marker: string;
export declare function plantCanary(): void;
export declare function liftCanary(): void;
