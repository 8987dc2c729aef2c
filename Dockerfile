# syntax=docker/dockerfile:1

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY rotators rotators
COPY workflows workflows
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded PostgreSQL is for trying out and never for production, so the image goes without what is optional.
RUN npm ci --omit=dev --omit=optional
# zod is a peer of the package, so that authors of rotators share ours; here we are the ones who install it.
COPY --from=build /build/node_modules/zod node_modules/zod

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./

# Inside a container the other side of the published port is not loopback; who may reach it is said where it is published.
ENV KEYTURN_HEALTH_ADDRESS=0.0.0.0
USER node
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# The worker must receive SIGTERM itself: it finishes the effect in hand and releases its lease.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/src/cli/bin.js"]
CMD ["worker"]
