import { createApp } from 'vue'
import '../../../../core/pages/styles/tokens.css'
import '../../../../core/pages/styles/base.css'
import App from './App.vue'

createApp(App).mount('#app')
